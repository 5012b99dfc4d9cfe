//! ECR: which digest a tag stands for, and whether an image is still there.

use aws_sdk_ecr::types::ImageIdentifier;

use crate::domain::{Image, ImageDigest};

use super::{Aws, Fault};

impl Aws {
    /// Finds an image by tag or digest in a repository of `registry` (an account id); `None` when
    /// the image or the repository does not exist.
    pub async fn image(
        &self,
        repository: &str,
        tag: Option<&str>,
        digest: Option<&ImageDigest>,
    ) -> Result<Option<Image>, Fault> {
        const ACTION: &str = "ecr:DescribeImages";
        let id = ImageIdentifier::builder()
            .set_image_tag(tag.map(str::to_owned))
            .set_image_digest(digest.map(|digest| digest.as_str().to_owned()))
            .build();
        let answer =
            match self.ecr.describe_images().repository_name(repository).image_ids(id).send().await
            {
                Ok(answer) => answer,
                Err(error) => {
                    let fault = Fault::of(ACTION, error);
                    return if fault.is_not_found() { Ok(None) } else { Err(fault) };
                }
            };
        let Some(detail) = answer.image_details().first() else { return Ok(None) };
        let digest = detail
            .image_digest()
            .and_then(ImageDigest::new)
            .ok_or_else(|| Fault::incomplete(ACTION, "imageDigest"))?;
        let registry =
            detail.registry_id().ok_or_else(|| Fault::incomplete(ACTION, "registryId"))?;
        let region = self.ecr.config().region().map(ToString::to_string).unwrap_or_default();
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = format!("{registry}.dkr.ecr.{region}.{suffix}");
        Ok(Some(Image {
            repository: repository.to_owned(),
            uri: format!("{host}/{repository}@{digest}"),
            digest,
            tags: detail.image_tags().to_vec(),
        }))
    }

    /// Deletes every image of a repository; gives how many there were. A repository that does not
    /// exist is empty.
    pub async fn empty_repository(&self, repository: &str) -> Result<u64, Fault> {
        let mut deleted = 0;
        loop {
            let listed = match self.ecr.list_images().repository_name(repository).send().await {
                Ok(listed) => listed,
                Err(error) => {
                    let fault = Fault::of("ecr:ListImages", error);
                    return if fault.is_not_found() { Ok(deleted) } else { Err(fault) };
                }
            };
            let ids = listed.image_ids().to_vec();
            if ids.is_empty() {
                return Ok(deleted);
            }
            let count = ids.len() as u64;
            let answer = self
                .ecr
                .batch_delete_image()
                .repository_name(repository)
                .set_image_ids(Some(ids))
                .send()
                .await
                .map_err(|error| Fault::of("ecr:BatchDeleteImage", error))?;
            // Members of a manifest list go with it, and then are no longer there to be deleted.
            if answer.image_ids().is_empty() {
                let reason = answer.failures().first().and_then(|failure| failure.failure_reason());
                let what = reason.unwrap_or("images that could be deleted").to_owned();
                return Err(Fault::incomplete("ecr:BatchDeleteImage", &what));
            }
            deleted += count;
        }
    }
}
