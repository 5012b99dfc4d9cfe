//! S3: buckets with versions of objects, as far as emptying and removing them needs.
//!
//! Source: S3 API reference, `ListObjectVersions`, `DeleteObjects`, `DeleteBucket`. Names are the
//! world's, not a region's; a bucket answers in its own region only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{count, flag, list, refuse_unsimulated, required, stamp, text, unknown};
use crate::rehearsal::call::{ApiError, Reply};

/// Objects of one page, and of one `DeleteObjects`, at most.
const PAGE: usize = 1000;

/// Every bucket of the account.
#[derive(Debug, Default)]
pub struct S3 {
    epoch: Duration,
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    region: String,
    versioned: bool,
    /// The newest version of a key last.
    versions: Vec<Version>,
    made: u64,
}

#[derive(Debug, Clone)]
struct Version {
    key: String,
    id: String,
    /// A delete marker has no size.
    bytes: Option<u64>,
    at: Duration,
}

impl S3 {
    /// An account without buckets.
    pub fn new(epoch: Duration) -> Self {
        Self { epoch, buckets: BTreeMap::new() }
    }

    /// Makes a bucket; the owner's own of the same name is in the way as anybody's.
    pub fn create(&mut self, region: &str, name: &str, versioned: bool) -> Result<(), ApiError> {
        if self.buckets.contains_key(name) {
            let text = format!("{name} already exists");
            return Err(ApiError::new("BucketAlreadyOwnedByYou", text).status(409));
        }
        let bucket = Bucket { region: region.to_owned(), versioned, ..Bucket::default() };
        self.buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    /// Whether a bucket exists.
    pub fn exists(&self, name: &str) -> bool {
        self.buckets.contains_key(name)
    }

    /// Switches versioning.
    pub fn set_versioned(&mut self, name: &str, versioned: bool) {
        if let Some(bucket) = self.buckets.get_mut(name) {
            bucket.versioned = versioned;
        }
    }

    /// Puts an object there.
    pub fn put(&mut self, now: Duration, name: &str, key: &str, bytes: u64) {
        if let Some(bucket) = self.buckets.get_mut(name) {
            bucket.add(key, Some(bytes), now);
        }
    }

    /// Removes a bucket, which must be empty.
    pub fn remove(&mut self, name: &str) -> Result<(), ApiError> {
        match self.buckets.get(name) {
            None => Err(no_bucket()),
            Some(bucket) if !bucket.versions.is_empty() => {
                let text = if bucket.versioned {
                    "The bucket you tried to delete is not empty. You must delete all versions in \
                     the bucket."
                } else {
                    "The bucket you tried to delete is not empty"
                };
                Err(ApiError::new("BucketNotEmpty", text).status(409))
            }
            Some(_) => {
                self.buckets.remove(name);
                Ok(())
            }
        }
    }

    /// Answers a call.
    pub fn call(&mut self, now: Duration, region: &str, operation: &str, input: &Value) -> Reply {
        match operation {
            "ListObjectVersions" => {
                let known =
                    ["Bucket", "KeyMarker", "VersionIdMarker", "MaxKeys", "Prefix", "EncodingType"];
                refuse_unsimulated(operation, input, &known)?;
                self.list_versions(region, input)
            }
            "DeleteObjects" => {
                let known = ["Bucket", "Delete", "ChecksumAlgorithm"];
                refuse_unsimulated(operation, input, &known)?;
                self.delete_objects(now, region, input)
            }
            other => Err(unknown("s3", other)),
        }
    }

    fn bucket(&mut self, region: &str, input: &Value) -> Result<&mut Bucket, ApiError> {
        let bucket = self.buckets.get_mut(required(input, "Bucket")).ok_or_else(no_bucket)?;
        if bucket.region != region {
            let text = "The bucket you are attempting to access must be addressed using the \
                        specified endpoint. Please send all future requests to this endpoint.";
            return Err(ApiError::new("PermanentRedirect", text).status(301));
        }
        Ok(bucket)
    }

    fn list_versions(&mut self, region: &str, input: &Value) -> Reply {
        let epoch = self.epoch;
        let name = required(input, "Bucket").to_owned();
        let bucket = self.bucket(region, input)?;
        let prefix = text(input, "Prefix").unwrap_or_default();
        let size = count(input, "MaxKeys").and_then(|size| usize::try_from(size).ok());
        let size = size.unwrap_or(PAGE).min(PAGE);
        // By key, the newest version first.
        let mut all: Vec<(bool, &Version)> = Vec::new();
        let newest = |version: &Version| {
            let last = bucket.versions.iter().rev().find(|other| other.key == version.key);
            last.is_some_and(|last| last.id == version.id)
        };
        for version in bucket.versions.iter().rev().filter(|v| v.key.starts_with(prefix)) {
            all.push((newest(version), version));
        }
        all.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        let markers = (text(input, "KeyMarker"), text(input, "VersionIdMarker"));
        let from = match markers {
            (None, _) => 0,
            (Some(key), None) => all.iter().filter(|(_, v)| v.key.as_str() <= key).count(),
            (Some(key), Some(id)) => {
                let at = all.iter().position(|(_, v)| v.key == key && v.id == id);
                at.map_or(0, |at| at.saturating_add(1))
            }
        };
        let shown: Vec<_> = all.iter().skip(from).take(size).collect();
        let more = all.len() > from.saturating_add(shown.len());
        let view = |latest: bool, version: &Version| {
            let owner =
                json!({"ID": "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"});
            json!({
                "Key": version.key,
                "VersionId": version.id,
                "IsLatest": latest,
                "LastModified": stamp(epoch.saturating_add(version.at)),
                "Size": version.bytes,
                "ETag": version.bytes.map(|_| "\"d41d8cd98f00b204e9800998ecf8427e\""),
                "StorageClass": version.bytes.map(|_| "STANDARD"),
                "Owner": owner,
            })
        };
        let (markers, versions): (Vec<_>, Vec<_>) =
            shown.iter().partition(|(_, version)| version.bytes.is_none());
        let views = |list: Vec<&&(bool, &Version)>| -> Vec<Value> {
            list.into_iter().map(|(latest, version)| view(*latest, version)).collect()
        };
        let last = shown.last().filter(|_| more).map(|(_, version)| version);
        Ok(json!({
            "Name": name,
            "Prefix": prefix,
            "MaxKeys": size,
            // Keys here have no letter that would have to be encoded.
            "EncodingType": text(input, "EncodingType"),
            "IsTruncated": more,
            "NextKeyMarker": last.map(|version| &version.key),
            "NextVersionIdMarker": last.map(|version| &version.id),
            "Versions": views(versions),
            "DeleteMarkers": views(markers),
        }))
    }

    fn delete_objects(&mut self, now: Duration, region: &str, input: &Value) -> Reply {
        let empty = Value::Null;
        let delete = input.get("Delete").unwrap_or(&empty);
        let objects = list(delete, "Objects");
        if objects.is_empty() || objects.len() > PAGE {
            let text = "The XML you provided was not well-formed or did not validate against our \
                        published schema";
            return Err(ApiError::new("MalformedXML", text));
        }
        let quiet = flag(delete, "Quiet");
        let bucket = self.bucket(region, input)?;
        let mut deleted = Vec::new();
        for object in objects {
            let key = required(object, "Key");
            match text(object, "VersionId") {
                Some(id) => {
                    bucket.versions.retain(|version| version.key != key || version.id != id);
                    deleted.push(json!({"Key": key, "VersionId": id}));
                }
                None if bucket.versioned => {
                    let id = bucket.add(key, None, now);
                    let marker =
                        json!({"Key": key, "DeleteMarker": true, "DeleteMarkerVersionId": id});
                    deleted.push(marker);
                }
                None => {
                    bucket.versions.retain(|version| version.key != key);
                    deleted.push(json!({"Key": key}));
                }
            }
        }
        Ok(json!({"Deleted": if quiet { Vec::new() } else { deleted }}))
    }
}

impl Bucket {
    /// Adds a version; gives its id. Without versioning it takes the place of the one before.
    fn add(&mut self, key: &str, bytes: Option<u64>, at: Duration) -> String {
        self.made = self.made.saturating_add(1);
        let id = if self.versioned { format!("v{:031}", self.made) } else { "null".to_owned() };
        if !self.versioned {
            self.versions.retain(|version| version.key != key);
        }
        self.versions.push(Version { key: key.to_owned(), id: id.clone(), bytes, at });
        id
    }
}

fn no_bucket() -> ApiError {
    ApiError::new("NoSuchBucket", "The specified bucket does not exist").status(404)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_versioned_bucket_is_empty_only_without_versions_and_markers() {
        let now = Duration::from_secs(5);
        let mut s3 = S3::new(Duration::from_secs(1_790_000_000));
        s3.create("eu-west-1", "b", true).unwrap();
        assert!(s3.create("eu-west-1", "b", true).is_err());
        for key in ["a", "b", "a"] {
            s3.put(now, "b", key, 10);
        }
        let mut call = |operation: &str, input: Value| s3.call(now, "eu-west-1", operation, &input);
        let plain = json!({"Bucket": "b", "Delete": {"Objects": [{"Key": "a"}]}});
        call("DeleteObjects", plain).unwrap();
        let first = call("ListObjectVersions", json!({"Bucket": "b", "MaxKeys": 2})).unwrap();
        assert_eq!(first["IsTruncated"], true);
        assert_eq!(first["DeleteMarkers"][0]["IsLatest"], true);
        assert_eq!(first["Versions"][0]["IsLatest"], false);
        let mut next = json!({"Bucket": "b"});
        next["KeyMarker"] = first["NextKeyMarker"].clone();
        next["VersionIdMarker"] = first["NextVersionIdMarker"].clone();
        let second = call("ListObjectVersions", next).unwrap();
        let mut objects = Vec::new();
        for list in [&first["Versions"], &first["DeleteMarkers"], &second["Versions"]] {
            for version in list.as_array().unwrap() {
                objects.push(json!({"Key": version["Key"], "VersionId": version["VersionId"]}));
            }
        }
        assert_eq!(objects.len(), 4);
        let error = s3.remove("b").unwrap_err();
        assert!(error.message.contains("all versions"), "{error:?}");
        let elsewhere = s3.call(now, "eu-west-2", "ListObjectVersions", &json!({"Bucket": "b"}));
        assert_eq!(elsewhere.unwrap_err().status, 301);
        let input = json!({"Bucket": "b", "Delete": {"Objects": objects}});
        s3.call(now, "eu-west-1", "DeleteObjects", &input).unwrap();
        assert_eq!(s3.remove("b"), Ok(()));
    }
}
