//! ECR: which digest a tag stands for, whether an image is still there, the token for pushing, and what
//! scanning found.

use aws_sdk_ecr::types::{ImageIdentifier, ScanStatus};

use crate::domain::{Image, ImageDigest, Vulnerability};

use super::{Aws, Fault};

/// What a repository has under a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tagged {
    /// This image.
    Image(Box<Image>),
    /// No image.
    Nothing,
    /// There is no such repository.
    NoRepository,
}

/// What a push logs in with.
#[derive(Clone)]
pub struct Authorization {
    /// The registry, without scheme.
    pub registry: String,
    /// The user.
    pub user: String,
    /// The password; valid for twelve hours.
    pub password: String,
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorization").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// How far a scan is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// It goes on.
    Running,
    /// It is over, and found this.
    Done(Vec<Vulnerability>),
    /// There is none, and why.
    None(String),
}

/// Pages of findings that are read, at most: 100 findings each.
const PAGES: usize = 50;

impl Aws {
    /// Finds an image by tag or digest in a repository of the account; `None` when the image or the
    /// repository does not exist.
    pub async fn image(
        &self,
        repository: &str,
        tag: Option<&str>,
        digest: Option<&ImageDigest>,
    ) -> Result<Option<Image>, Fault> {
        let id = ImageIdentifier::builder()
            .set_image_tag(tag.map(str::to_owned))
            .set_image_digest(digest.map(|digest| digest.as_str().to_owned()))
            .build();
        match self.described(repository, id).await {
            Ok(image) => Ok(image),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Finds an image by tag, and tells a missing image from a missing repository.
    pub async fn tagged(&self, repository: &str, tag: &str) -> Result<Tagged, Fault> {
        let id = ImageIdentifier::builder().image_tag(tag).build();
        match self.described(repository, id).await {
            Ok(Some(image)) => Ok(Tagged::Image(Box::new(image))),
            Ok(None) => Ok(Tagged::Nothing),
            Err(fault) if fault.code == "RepositoryNotFoundException" => Ok(Tagged::NoRepository),
            Err(fault) if fault.is_not_found() => Ok(Tagged::Nothing),
            Err(fault) => Err(fault),
        }
    }

    async fn described(
        &self,
        repository: &str,
        id: ImageIdentifier,
    ) -> Result<Option<Image>, Fault> {
        const ACTION: &str = "ecr:DescribeImages";
        let request = self.ecr.describe_images().repository_name(repository).image_ids(id);
        let answer = request.send().await.map_err(|error| Fault::of(ACTION, error))?;
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

    /// Gets a token for pushing to the registry of the account.
    pub async fn registry_authorization(&self) -> Result<Authorization, Fault> {
        const ACTION: &str = "ecr:GetAuthorizationToken";
        let answer = self.ecr.get_authorization_token().send().await;
        let answer = answer.map_err(|error| Fault::of(ACTION, error))?;
        let data = answer.authorization_data().first();
        let data = data.ok_or_else(|| Fault::incomplete(ACTION, "authorizationData"))?;
        let coded = data.authorization_token();
        let coded = coded.ok_or_else(|| Fault::incomplete(ACTION, "authorizationToken"))?;
        let (user, password) =
            login(coded).ok_or_else(|| Fault::incomplete(ACTION, "user and password"))?;
        let endpoint =
            data.proxy_endpoint().ok_or_else(|| Fault::incomplete(ACTION, "proxyEndpoint"))?;
        let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
        Ok(Authorization { registry: host.trim_end_matches('/').to_owned(), user, password })
    }

    /// The digest of an image's configuration, which is also its id on an engine; `None` where the
    /// manifest has none.
    pub async fn image_configuration(
        &self,
        repository: &str,
        digest: &ImageDigest,
    ) -> Result<Option<ImageDigest>, Fault> {
        const ACTION: &str = "ecr:BatchGetImage";
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let request = self.ecr.batch_get_image().repository_name(repository).image_ids(id);
        let answer = request.send().await.map_err(|error| Fault::of(ACTION, error))?;
        let manifest = answer.images().first().and_then(|image| image.image_manifest());
        let manifest: Option<serde_json::Value> =
            manifest.and_then(|text| serde_json::from_str(text).ok());
        let config = manifest.as_ref().and_then(|m| m.get("config")?.get("digest")?.as_str());
        Ok(config.and_then(ImageDigest::new))
    }

    /// What scanning found in an image, as far as it is.
    pub async fn scan(&self, repository: &str, digest: &ImageDigest) -> Result<Scan, Fault> {
        const ACTION: &str = "ecr:DescribeImageScanFindings";
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..PAGES {
            let request = self
                .ecr
                .describe_image_scan_findings()
                .repository_name(repository)
                .image_id(id.clone())
                .set_next_token(token.take());
            let answer = match request.send().await.map_err(|error| Fault::of(ACTION, error)) {
                Ok(answer) => answer,
                Err(fault) if fault.code == "ScanNotFoundException" => {
                    return Ok(Scan::None(fault.message));
                }
                Err(fault) => return Err(fault),
            };
            let status = answer.image_scan_status();
            let why = status.and_then(|status| status.description()).unwrap_or_default();
            match status.and_then(|status| status.status()) {
                // Enhanced scanning goes on for as long as the image is kept: ACTIVE has findings.
                Some(ScanStatus::Complete | ScanStatus::Active) => {}
                Some(ScanStatus::InProgress | ScanStatus::Pending) => return Ok(Scan::Running),
                Some(other) => return Ok(Scan::None(format!("{other}: {why}"))),
                None => return Err(Fault::incomplete(ACTION, "imageScanStatus")),
            }
            let Some(findings) = answer.image_scan_findings() else { break };
            for finding in findings.findings() {
                let attributes = finding.attributes().iter();
                let mut package = attributes.filter(|attribute| attribute.key() == "package_name");
                found.push(Vulnerability {
                    id: finding.name().unwrap_or_default().to_owned(),
                    severity: finding.severity().map(|s| s.as_str().to_owned()).unwrap_or_default(),
                    package: package.next().and_then(|a| a.value()).unwrap_or_default().to_owned(),
                });
            }
            for finding in findings.enhanced_findings() {
                let details = finding.package_vulnerability_details();
                let package = details.and_then(|details| details.vulnerable_packages().first());
                let id = details.and_then(|details| details.vulnerability_id());
                found.push(Vulnerability {
                    id: id.or(finding.title()).unwrap_or_default().to_owned(),
                    severity: finding.severity().unwrap_or_default().to_owned(),
                    package: package.and_then(|p| p.name()).unwrap_or_default().to_owned(),
                });
            }
            token = answer.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        found.sort();
        found.dedup();
        Ok(Scan::Done(found))
    }
}

/// User and password of a token: base64 of `AWS:<password>` (ECR API reference, `AuthorizationData`).
fn login(coded: &str) -> Option<(String, String)> {
    let bytes = aws_smithy_types::base64::decode(coded).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_apart_and_not_shown() {
        assert_eq!(login("QVdTOnBhOnNz"), Some(("AWS".to_owned(), "pa:ss".to_owned())));
        assert_eq!(login("QVdT"), None);
        assert_eq!(login("***"), None);
        let shown =
            Authorization { registry: "r".into(), user: "AWS".into(), password: "hidden".into() };
        assert!(!format!("{shown:?}").contains("hidden"));
    }
}
