//! SSM parameters: the good revisions, and values that the configuration names.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterType;

use super::{Aws, Fault};

/// The most names that one `GetParameters` call takes.
const PARAMETERS_A_CALL: usize = 10;

impl Aws {
    /// Reads a parameter; `None` when it does not exist.
    pub async fn parameter(&self, name: &str) -> Result<Option<String>, Fault> {
        match self.ssm.get_parameter().name(name).send().await {
            Ok(answer) => {
                Ok(answer.parameter().and_then(|parameter| parameter.value()).map(str::to_owned))
            }
            Err(error) => {
                let fault = Fault::of("ssm:GetParameter", error);
                if fault.is_not_found() { Ok(None) } else { Err(fault) }
            }
        }
    }

    /// Reads many parameters; names that do not exist are left out. Secure strings are not
    /// decrypted: a secret has no place in a configuration.
    pub async fn parameters(&self, names: &[String]) -> Result<BTreeMap<String, String>, Fault> {
        let mut found = BTreeMap::new();
        for chunk in names.chunks(PARAMETERS_A_CALL) {
            let answer = self
                .ssm
                .get_parameters()
                .set_names(Some(chunk.to_vec()))
                .send()
                .await
                .map_err(|error| Fault::of("ssm:GetParameters", error))?;
            for parameter in answer.parameters() {
                let secure = parameter.r#type() == Some(&ParameterType::SecureString);
                if let (Some(name), Some(value), false) =
                    (parameter.name(), parameter.value(), secure)
                {
                    found.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        Ok(found)
    }

    /// Writes a parameter, over what is there.
    pub async fn set_parameter(&self, name: &str, value: &str) -> Result<(), Fault> {
        self.ssm
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(ParameterType::String)
            .overwrite(true)
            .send()
            .await
            .map_err(|error| Fault::of("ssm:PutParameter", error))?;
        Ok(())
    }

    /// Deletes a parameter; one that does not exist is deleted already.
    pub async fn delete_parameter(&self, name: &str) -> Result<(), Fault> {
        match self.ssm.delete_parameter().name(name).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let fault = Fault::of("ssm:DeleteParameter", error);
                if fault.is_not_found() { Ok(()) } else { Err(fault) }
            }
        }
    }
}
