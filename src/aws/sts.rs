//! STS: who we are.

use crate::domain::{AccountId, Identity};

use super::{Aws, Fault};

impl Aws {
    /// Asks AWS whom it takes us for (`GetCallerIdentity`).
    pub async fn identity(&self) -> Result<Identity, Fault> {
        const ACTION: &str = "sts:GetCallerIdentity";
        let answer = self
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let account = answer
            .account()
            .and_then(|account| AccountId::new(account).ok())
            .ok_or_else(|| Fault::incomplete(ACTION, "Account"))?;
        Ok(Identity { account, arn: answer.arn().unwrap_or_default().to_owned() })
    }
}
