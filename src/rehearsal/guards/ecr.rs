//! ECR: repositories and images, as metadata only; with a real registry behind it, what that has.
//!
//! Source: ECR API reference, `DescribeRepositories`, `DescribeImages`, `BatchGetImage`,
//! `GetAuthorizationToken`, `DescribeImageScanFindings`.

mod registry;
mod scan;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Place, list, listed, page, page_size, refuse_unsimulated, required, text, texts, unknown,
};
use crate::rehearsal::call::{ApiError, Reply};

pub use scan::ScanFinding;

/// An image that a repository holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSetup {
    /// Its digest, `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// How long before the start of the rehearsal it was pushed.
    pub age: Duration,
}

/// The registry of the account.
#[derive(Debug)]
pub struct Ecr {
    place: Place,
    repositories: BTreeMap<String, Vec<ImageSetup>>,
    /// Findings by digest; an image that is not here has the usual ones.
    findings: BTreeMap<String, Vec<ScanFinding>>,
    /// The real registry behind it.
    registry: Option<SocketAddr>,
    /// Manifests of the real registry, by digest: media type and bytes.
    manifests: BTreeMap<String, (String, String)>,
    /// How many tokens were given out.
    tokens: u32,
}

/// How long a token is valid (ECR API reference, `GetAuthorizationToken`).
const TOKEN: Duration = Duration::from_secs(12 * 60 * 60);

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

impl Ecr {
    /// An empty registry.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            repositories: BTreeMap::new(),
            findings: BTreeMap::new(),
            registry: None,
            manifests: BTreeMap::new(),
            tokens: 0,
        }
    }

    /// Puts a real registry behind it.
    pub fn back_with(&mut self, registry: Option<SocketAddr>) {
        self.registry = registry;
    }

    /// Says what scanning an image finds.
    pub fn finds(&mut self, digest: impl Into<String>, findings: Vec<ScanFinding>) {
        self.findings.insert(digest.into(), findings);
    }

    /// Adds a repository, or nothing when it exists.
    pub fn add_repository(&mut self, name: impl Into<String>) {
        self.repositories.entry(name.into()).or_default();
    }

    /// Whether a repository exists.
    pub fn exists(&self, name: &str) -> bool {
        self.repositories.contains_key(name)
    }

    /// Removes a repository; one with images only by force. Says whether it is gone.
    pub fn remove(&mut self, name: &str, force: bool) -> bool {
        if self.repositories.get(name).is_some_and(|images| !images.is_empty() && !force) {
            return false;
        }
        self.repositories.remove(name);
        true
    }

    /// Adds an image; a tag that another image of the repository has moves to it, as a push does.
    pub fn push(&mut self, repository: impl Into<String>, image: ImageSetup) {
        let images = self.repositories.entry(repository.into()).or_default();
        for other in images.iter_mut() {
            other.tags.retain(|tag| !image.tags.contains(tag));
        }
        images.retain(|other| other.digest != image.digest);
        images.push(image);
    }

    /// Answers a call.
    pub fn call(&mut self, now: Duration, operation: &str, input: &Value) -> Reply {
        self.look_behind(input);
        match operation {
            "GetAuthorizationToken" => {
                refuse_unsimulated(operation, input, &[])?;
                Ok(self.authorize(now))
            }
            "DescribeImageScanFindings" => {
                let known = ["registryId", "repositoryName", "imageId", "nextToken", "maxResults"];
                refuse_unsimulated(operation, input, &known)?;
                self.scan_findings(now, input)
            }
            "DescribeRepositories" => {
                let known = ["registryId", "repositoryNames", "nextToken", "maxResults"];
                refuse_unsimulated(operation, input, &known)?;
                self.describe_repositories(input)
            }
            "DescribeImages" => {
                let known = ["registryId", "repositoryName", "imageIds", "nextToken", "maxResults"];
                refuse_unsimulated(operation, input, &known)?;
                self.describe_images(input)
            }
            "BatchGetImage" => {
                let known = ["registryId", "repositoryName", "imageIds", "acceptedMediaTypes"];
                refuse_unsimulated(operation, input, &known)?;
                self.batch_get(input)
            }
            "ListImages" => {
                let known = ["registryId", "repositoryName", "nextToken", "maxResults"];
                refuse_unsimulated(operation, input, &known)?;
                self.list_images(input)
            }
            "BatchDeleteImage" => {
                let known = ["registryId", "repositoryName", "imageIds"];
                refuse_unsimulated(operation, input, &known)?;
                self.batch_delete(input)
            }
            other => Err(unknown("ecr", other)),
        }
    }

    /// Takes over what the real registry has of the images that a call names.
    fn look_behind(&mut self, input: &Value) {
        let Some(registry) = self.registry else { return };
        let name = required(input, "repositoryName");
        if !self.repositories.contains_key(name) {
            return;
        }
        let single = input.get("imageId").into_iter();
        let ids: Vec<Value> = list(input, "imageIds").iter().chain(single).cloned().collect();
        for id in &ids {
            let (tag, digest) = (text(id, "imageTag"), text(id, "imageDigest"));
            let Some(reference) = digest.or(tag) else { continue };
            let authorization = Self::token(self.tokens);
            let Some(found) = registry::manifest(registry, name, reference, &authorization) else {
                continue;
            };
            let known = self.repositories.get(name).into_iter().flatten();
            let known = known.into_iter().find(|image| image.digest == found.digest);
            let mut tags = known.map(|image| image.tags.clone()).unwrap_or_default();
            let age = known.map_or(Duration::ZERO, |image| image.age);
            tags.extend(tag.filter(|tag| !tags.iter().any(|own| own == tag)).map(str::to_owned));
            let image = ImageSetup { digest: found.digest.clone(), tags, bytes: found.bytes, age };
            self.push(name, image);
            self.manifests.insert(found.digest, (found.media_type, found.text));
        }
    }

    /// The n-th token: `AWS:rehearsal-token-<n>` in base64.
    fn token(number: u32) -> String {
        aws_smithy_types::base64::encode(format!("AWS:rehearsal-token-{number}"))
    }

    fn authorize(&mut self, now: Duration) -> Value {
        self.tokens += 1;
        let endpoint = match self.registry {
            Some(registry) => format!("http://{registry}"),
            None => format!(
                "https://{}.dkr.ecr.{}.amazonaws.com",
                self.place.account, self.place.region
            ),
        };
        json!({
            "authorizationData": [{
                "authorizationToken": Self::token(self.tokens),
                "expiresAt": self.place.stamp(now + TOKEN),
                "proxyEndpoint": endpoint,
            }],
        })
    }

    fn scan_findings(&self, now: Duration, input: &Value) -> Reply {
        let name = required(input, "repositoryName");
        let images = self.images(input, name)?;
        let id = input.get("imageId").unwrap_or(&Value::Null);
        let image = find(images, id).map_err(|_| not_found(&self.place, name, id))?;
        let usual = ScanFinding::usual();
        let found = self.findings.get(&image.digest).unwrap_or(&usual);
        Ok(json!({
            "registryId": self.place.account,
            "repositoryName": name,
            "imageId": { "imageDigest": image.digest },
            "imageScanStatus": {
                "status": "COMPLETE",
                "description": "The scan was completed successfully.",
            },
            "imageScanFindings": scan::findings(found, self.place.stamp(now)),
        }))
    }

    fn images(&self, input: &Value, name: &str) -> Result<&[ImageSetup], ApiError> {
        let registry = text(input, "registryId").unwrap_or(&self.place.account);
        let images = self.repositories.get(name).filter(|_| registry == self.place.account);
        images.map(Vec::as_slice).ok_or_else(|| {
            let message = format!(
                "The repository with name '{name}' does not exist in the registry with id '{registry}'"
            );
            ApiError::new("RepositoryNotFoundException", message)
        })
    }

    fn describe_repositories(&self, input: &Value) -> Reply {
        let mut names = texts(input, "repositoryNames");
        for name in &names {
            self.images(input, name)?;
        }
        if names.is_empty() {
            names = self.repositories.keys().map(String::as_str).collect();
        }
        let size = page_size(input, "maxResults", 100);
        let (shown, next) =
            page(&names, text(input, "nextToken"), size).ok_or_else(invalid_token)?;
        let shown = shown.iter().map(|name| {
            let place = &self.place;
            json!({
                "repositoryArn": place.arn("ecr", &format!("repository/{name}")),
                "registryId": place.account,
                "repositoryName": name,
                "repositoryUri":
                    format!("{}.dkr.ecr.{}.amazonaws.com/{name}", place.account, place.region),
                "createdAt": super::stamp(place.epoch.saturating_sub(Duration::from_secs(86_400 * 90))),
                "imageTagMutability": "MUTABLE",
                "imageScanningConfiguration": { "scanOnPush": false },
                "encryptionConfiguration": { "encryptionType": "AES256" },
            })
        });
        Ok(listed("repositories", shown.collect(), "nextToken", next))
    }

    /// One entry a tag, and one for an image without any (ECR API reference, `ListImages`).
    fn list_images(&self, input: &Value) -> Reply {
        let images = self.images(input, required(input, "repositoryName"))?;
        let mut all = Vec::new();
        for image in images {
            let digest = &image.digest;
            let tags = image.tags.iter().map(|t| json!({"imageDigest": digest, "imageTag": t}));
            all.extend(tags);
            if image.tags.is_empty() {
                all.push(json!({ "imageDigest": digest }));
            }
        }
        let size = page_size(input, "maxResults", 100);
        let (shown, next) = page(&all, text(input, "nextToken"), size).ok_or_else(invalid_token)?;
        Ok(listed("imageIds", shown.to_vec(), "nextToken", next))
    }

    /// Removes a tag, or an image with all of them. What is not there fails in the answer.
    fn batch_delete(&mut self, input: &Value) -> Reply {
        let name = required(input, "repositoryName");
        self.images(input, name)?;
        let Some(images) = self.repositories.get_mut(name) else { return Ok(json!({})) };
        let (mut gone, mut failures) = (Vec::new(), Vec::new());
        for id in list(input, "imageIds") {
            let (digest, tag) = (text(id, "imageDigest"), text(id, "imageTag"));
            let at = images.iter().position(|image| match (digest, tag) {
                (Some(digest), _) => image.digest == digest,
                (None, Some(tag)) => image.tags.iter().any(|known| known == tag),
                (None, None) => false,
            });
            let Some(image) = at.and_then(|at| images.get_mut(at)) else {
                failures.push(json!({
                    "imageId": id,
                    "failureCode": "ImageNotFound",
                    "failureReason": "Requested image not found",
                }));
                continue;
            };
            gone.push(json!({"imageDigest": image.digest, "imageTag": tag}));
            image.tags.retain(|known| digest.is_none() && Some(known.as_str()) != tag);
            if image.tags.is_empty() {
                let digest = image.digest.clone();
                images.retain(|image| image.digest != digest);
            }
        }
        Ok(json!({"imageIds": gone, "failures": failures}))
    }

    fn describe_images(&self, input: &Value) -> Reply {
        let name = required(input, "repositoryName");
        let images = self.images(input, name)?;
        let mut chosen: Vec<&ImageSetup> = Vec::new();
        for id in list(input, "imageIds") {
            let image = find(images, id).map_err(|_| not_found(&self.place, name, id))?;
            if !chosen.contains(&image) {
                chosen.push(image);
            }
        }
        if list(input, "imageIds").is_empty() {
            chosen = images.iter().collect();
        }
        let size = page_size(input, "maxResults", 100);
        let (shown, next) =
            page(&chosen, text(input, "nextToken"), size).ok_or_else(invalid_token)?;
        let shown = shown.iter().map(|image| {
            let mut detail = json!({
                "registryId": self.place.account,
                "repositoryName": name,
                "imageDigest": image.digest,
                "imageSizeInBytes": image.bytes,
                "imagePushedAt": super::stamp(self.place.epoch.saturating_sub(image.age)),
                "imageManifestMediaType": MANIFEST_TYPE,
                "artifactMediaType": "application/vnd.oci.image.config.v1+json",
            });
            // AWS leaves the member out for an untagged image.
            if let (false, Some(members)) = (image.tags.is_empty(), detail.as_object_mut()) {
                members.insert("imageTags".to_owned(), json!(image.tags));
            }
            detail
        });
        Ok(listed("imageDetails", shown.collect(), "nextToken", next))
    }

    fn batch_get(&self, input: &Value) -> Reply {
        let name = required(input, "repositoryName");
        let images = self.images(input, name)?;
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for id in list(input, "imageIds") {
            match find(images, id) {
                Ok(image) => {
                    let mut answered = json!({ "imageDigest": image.digest });
                    if let (Some(tag), Some(members)) =
                        (text(id, "imageTag"), answered.as_object_mut())
                    {
                        members.insert("imageTag".to_owned(), json!(tag));
                    }
                    let made = json!({ "schemaVersion": 2, "mediaType": MANIFEST_TYPE });
                    let made = (MANIFEST_TYPE.to_owned(), made.to_string());
                    let (media_type, manifest) = self.manifests.get(&image.digest).unwrap_or(&made);
                    found.push(json!({
                        "registryId": self.place.account,
                        "repositoryName": name,
                        "imageId": answered,
                        "imageManifest": manifest,
                        "imageManifestMediaType": media_type,
                    }));
                }
                Err((code, reason)) => {
                    failures.push(
                        json!({ "imageId": id, "failureCode": code, "failureReason": reason }),
                    );
                }
            }
        }
        Ok(json!({ "images": found, "failures": failures }))
    }
}

/// The image of an identifier, or a failure's code and reason.
fn find<'a>(
    images: &'a [ImageSetup],
    id: &Value,
) -> Result<&'a ImageSetup, (&'static str, &'static str)> {
    let missing = ("ImageNotFound", "Requested image not found");
    let by_tag = |tag: &str| images.iter().find(|image| image.tags.iter().any(|own| own == tag));
    let by_digest = |digest: &str| images.iter().find(|image| image.digest == digest);
    match (text(id, "imageDigest"), text(id, "imageTag")) {
        (None, None) => Err((
            "MissingDigestAndTag",
            "Invalid request parameters: both tag and digest cannot be null",
        )),
        (Some(digest), None) => by_digest(digest).ok_or(missing),
        (None, Some(tag)) => by_tag(tag).ok_or(missing),
        (Some(digest), Some(tag)) => match by_digest(digest) {
            None => Err(missing),
            Some(image) if image.tags.iter().any(|own| own == tag) => Ok(image),
            Some(_) => Err(("ImageTagDoesNotMatchDigest", "Image tag does not match digest")),
        },
    }
}

fn not_found(place: &Place, repository: &str, id: &Value) -> ApiError {
    let part = |member: &str| text(id, member).unwrap_or("null").to_owned();
    let message = format!(
        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the \
         repository with name '{repository}' in the registry with id '{}'",
        part("imageDigest"),
        part("imageTag"),
        place.account
    );
    ApiError::new("ImageNotFoundException", message)
}

fn invalid_token() -> ApiError {
    ApiError::new(
        "InvalidParameterException",
        "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'",
    )
}

#[cfg(test)]
mod tests;
