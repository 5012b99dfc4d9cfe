//! What keeps things: SSM parameters, buckets, vaults, repositories, log groups.

use serde_json::{Value, json};

use super::{attributes, handler, text};
use crate::rehearsal::call::ApiError;
use crate::rehearsal::stacks::surroundings::{Made, Place, Subject, Trouble};
use crate::rehearsal::world::World;

/// The code of a handler for an error of a service.
fn trouble(error: ApiError) -> Trouble {
    let code = match error.code.as_str() {
        "ParameterAlreadyExists" | "BucketAlreadyOwnedByYou" | "AlreadyExistsException" => {
            "AlreadyExists"
        }
        "NoSuchBucket" | "ResourceNotFoundException" => "NotFound",
        _ => "InvalidRequest",
    };
    Trouble::new(code, error.message)
}

/// Whether the template wants versions.
fn versioned(properties: &Value) -> bool {
    properties.pointer("/VersioningConfiguration/Status").and_then(Value::as_str) == Some("Enabled")
}

impl World {
    pub(super) fn make_parameter(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let name = subject.physical;
        let there = self.guards.parameter(place.region, name).is_some();
        if !there || !place.adopt {
            self.put_parameter(place, subject, false)?;
        }
        let bare = name.trim_start_matches('/');
        let arn = format!("arn:aws:ssm:{}:{}:parameter/{bare}", place.region, place.account);
        Ok(Made { physical: name.to_owned(), attributes: attributes(&[("Arn", arn)]) })
    }

    pub(super) fn put_parameter(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
        overwrite: bool,
    ) -> Result<(), Trouble> {
        let properties = subject.properties;
        let value = properties.get("Value");
        let value = value.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let input = json!({
            "Name": subject.physical,
            "Value": value.unwrap_or_default(),
            "Type": text(properties, "Type"),
            "Overwrite": overwrite,
        });
        let now = self.now;
        let put = self.guards.ssm_in(place.region).call(now, "PutParameter", &input);
        put.map(|_| ()).map_err(trouble)
    }

    pub(super) fn make_bucket(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let (name, region) = (subject.physical, place.region);
        if !(place.adopt && self.guards.s3.exists(name)) {
            let versions = versioned(subject.properties);
            self.guards.s3.create(region, name, versions).map_err(trouble)?;
        }
        if place.adopt {
            // What was deployed earlier has been used since: two objects, one of them twice.
            for key in ["2026/11/20/first", "2026/11/20/second", "2026/11/20/first"] {
                self.guards.s3.put(self.now, name, key, 4096);
            }
        }
        Ok(Made {
            physical: name.to_owned(),
            attributes: attributes(&[
                ("Arn", format!("arn:aws:s3:::{name}")),
                ("DomainName", format!("{name}.s3.amazonaws.com")),
                ("DualStackDomainName", format!("{name}.s3.dualstack.{region}.amazonaws.com")),
                ("RegionalDomainName", format!("{name}.s3.{region}.amazonaws.com")),
                ("WebsiteURL", format!("http://{name}.s3-website.{region}.amazonaws.com")),
            ]),
        })
    }

    pub(super) fn change_bucket(&mut self, subject: Subject<'_>) {
        self.guards.s3.set_versioned(subject.physical, versioned(subject.properties));
    }

    pub(super) fn remove_bucket(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        match self.guards.s3.remove(subject.physical) {
            // What is gone already is deleted.
            Err(error) if error.code == "NoSuchBucket" => Ok(()),
            other => other.map_err(trouble),
        }
    }

    pub(super) fn make_vault(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let (name, now) = (subject.physical, self.now);
        let backup = self.guards.backup_in(place.region);
        if !(place.adopt && backup.exists(name)) {
            backup.create(name).map_err(trouble)?;
        }
        if place.adopt {
            let table = format!("arn:aws:dynamodb:{}:{}:table/used", place.region, place.account);
            backup.keep(now, name, "DynamoDB", &table);
            backup.keep(now, name, "DynamoDB", &table);
        }
        let named = [("BackupVaultArn", backup.arn(name)), ("BackupVaultName", name.to_owned())];
        Ok(Made { physical: name.to_owned(), attributes: attributes(&named) })
    }

    pub(super) fn remove_vault(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<(), Trouble> {
        match self.guards.backup_in(place.region).remove(subject.physical) {
            Err(error) if error.code == "ResourceNotFoundException" => Ok(()),
            other => other.map_err(trouble),
        }
    }

    pub(super) fn make_repository(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let name = subject.physical;
        let (region, account) = (place.region, place.account);
        if !place.adopt && self.guards.ecr.exists(name) {
            return Err(handler(
                "AlreadyExists",
                format!(
                    "The repository with name '{name}' already exists in the registry with id '{account}'"
                ),
            ));
        }
        self.guards.ecr.add_repository(name);
        Ok(Made {
            physical: name.to_owned(),
            attributes: attributes(&[
                ("Arn", format!("arn:aws:ecr:{region}:{account}:repository/{name}")),
                ("RepositoryUri", format!("{account}.dkr.ecr.{region}.amazonaws.com/{name}")),
            ]),
        })
    }

    pub(super) fn remove_repository(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<(), Trouble> {
        let name = subject.physical;
        let flag = subject.properties.get("EmptyOnDelete");
        let empties = flag.is_some_and(|flag| flag == true || flag == "true");
        if self.guards.ecr.remove(name, empties) {
            return Ok(());
        }
        Err(handler(
            "InvalidRequest",
            format!(
                "The repository with name '{name}' in registry with id '{}' cannot be deleted because \
             it still contains images",
                place.account
            ),
        ))
    }

    pub(super) fn make_log_group(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let name = subject.physical;
        if self.guards.logs.has_group(name) && !place.adopt {
            return Err(handler(
                "AlreadyExists",
                format!(
                    "Resource of type 'AWS::Logs::LogGroup' with identifier '{name}' already exists."
                ),
            ));
        }
        self.guards.logs.create_group(name);
        let arn = format!("arn:aws:logs:{}:{}:log-group:{name}:*", place.region, place.account);
        Ok(Made { physical: name.to_owned(), attributes: attributes(&[("Arn", arn)]) })
    }
}
