//! S3: emptying buckets, so that a stack can go.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{Aws, Fault};

impl Aws {
    /// Deletes every version of every object in a bucket; gives how many there were. A bucket that
    /// does not exist is empty.
    pub async fn empty_bucket(&self, bucket: &str) -> Result<u64, Fault> {
        let mut deleted = 0;
        // Every round deletes what it lists, so the list is read from its start each time.
        loop {
            let listed = match self.s3.list_object_versions().bucket(bucket).send().await {
                Ok(listed) => listed,
                Err(error) => {
                    let fault = Fault::of("s3:ListBucketVersions", error);
                    let gone = fault.is_not_found() || fault.code == "NoSuchBucket";
                    return if gone { Ok(deleted) } else { Err(fault) };
                }
            };
            let versions = listed.versions().iter().map(|v| (v.key(), v.version_id()));
            let markers = listed.delete_markers().iter().map(|m| (m.key(), m.version_id()));
            let mut objects = Vec::new();
            for (key, version) in versions.chain(markers) {
                let object = ObjectIdentifier::builder()
                    .key(key.unwrap_or_default())
                    .set_version_id(version.map(str::to_owned))
                    .build();
                objects.push(object.map_err(|_| incomplete("Key"))?);
            }
            if objects.is_empty() {
                return Ok(deleted);
            }
            let count = objects.len() as u64;
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
            let delete = delete.map_err(|_| incomplete("Objects"))?;
            let answer = self
                .s3
                .delete_objects()
                .bucket(bucket)
                .delete(delete)
                .send()
                .await
                .map_err(|error| Fault::of("s3:DeleteObjectVersion", error))?;
            if let Some(error) = answer.errors().first() {
                return Err(Fault {
                    kind: super::FaultKind::Other,
                    action: "s3:DeleteObjectVersion",
                    code: error.code().unwrap_or("Unknown").to_owned(),
                    message: format!(
                        "{}: {}",
                        error.key().unwrap_or_default(),
                        error.message().unwrap_or_default()
                    ),
                    request_id: None,
                });
            }
            deleted += count;
        }
    }
}

fn incomplete(member: &str) -> Fault {
    Fault::incomplete("s3:ListBucketVersions", member)
}
