//! The content of a build: what the engine would be sent, and the tag that stands for it.
//!
//! Two builds of the same content have the same tag, whatever the commit, the machine or the time stamps
//! of the files. What is hashed is what a Dockerfile can see: names, kinds, permissions and bytes.

use std::fs::{self, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ignore::Ignore;
use crate::error::Error;

/// A Dockerfile longer than this is none.
const LONGEST: u64 = 1 << 20;
/// Files of a context, at most: more is a mistake such as `node_modules`.
const MOST_FILES: usize = 200_000;
/// Folders within folders, at most.
const DEEPEST: usize = 128;
/// Changed when the way of hashing changes, so that old tags are not taken for new ones.
const SCHEME: &str = "ha-deploy/content/1";

/// Where the content is, and what else decides what is built.
#[derive(Debug, Clone)]
pub struct Source {
    /// The directory that nothing may lead out of: that of the repository, or of the configuration.
    pub root: PathBuf,
    /// The context.
    pub context: PathBuf,
    /// The Dockerfile, relative to the context.
    pub dockerfile: PathBuf,
    /// Everything that is not a file: arguments, target, platform.
    pub settings: Vec<(String, String)>,
    /// The largest context in bytes.
    pub limit: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The tag that stands for it.
    pub tag: String,
    /// The context, without links.
    pub context: PathBuf,
    /// The Dockerfile, without links.
    pub dockerfile: PathBuf,
    /// The Dockerfile's text.
    pub text: String,
    /// Files of the context.
    pub files: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
}

impl Content {
    /// Base images that can change without the Dockerfile changing: the tag does not see that.
    pub fn unpinned(&self) -> Vec<&str> {
        let mut stages = Vec::new();
        let mut found = Vec::new();
        for line in self.text.lines() {
            let mut words = line.split_whitespace();
            if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
                continue;
            }
            let mut words = words.skip_while(|word| word.starts_with("--"));
            let Some(image) = words.next() else { continue };
            let known = image == "scratch" || image.contains('@') || stages.contains(&image);
            if !known && !found.contains(&image) {
                found.push(image);
            }
            if words.next().is_some_and(|word| word.eq_ignore_ascii_case("as")) {
                stages.extend(words.next());
            }
        }
        found
    }

    /// Whether the Dockerfile declares an argument.
    pub fn declares(&self, argument: &str) -> bool {
        self.text.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next().is_some_and(|word| word.eq_ignore_ascii_case("arg"))
                && words.any(|word| word.split('=').next() == Some(argument))
        })
    }
}

/// Reads the content of a build.
pub fn content(source: &Source) -> Result<Content, Error> {
    let shown = source.context.display();
    let root = real(&source.root, "the repository")?;
    let context = fs::canonicalize(&source.context).map_err(|error| {
        Error::invalid(format!("the build context {shown} cannot be read"))
            .caused_by(error)
            .hint("`image.build.context` is relative to ha-deploy.yml.")
    })?;
    if !context.is_dir() {
        return Err(Error::invalid(format!("the build context {shown} is no directory")));
    }
    if !context.starts_with(&root) {
        return Err(Error::invalid(format!(
            "the build context {shown} is outside the repository {}: it is {}",
            root.display(),
            context.display()
        ))
        .hint("Move what is to be built into the repository: what is outside is not what was reviewed."));
    }
    let dockerfile = dockerfile(&context, source)?;
    let text = text(&dockerfile)?;
    let ignore = Ignore::parse(&ignore_text(&context, &dockerfile)?);
    let mut walk = Walk {
        context: &context,
        ignore: &ignore,
        files: Vec::new(),
        bytes: 0,
        limit: source.limit,
    };
    walk.folder("", 0)?;
    walk.files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut hash = Hash(Sha256::new());
    hash.text(SCHEME);
    hash.text(&text);
    for (name, value) in &source.settings {
        hash.text(name);
        hash.text(value);
    }
    for file in &walk.files {
        hash.file(&context, file)?;
    }
    let digest = hash.0.finalize();
    let hex: String = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    Ok(Content {
        tag: format!("ha-{hex}"),
        bytes: walk.bytes,
        files: walk.files.into_iter().map(|file| file.path).collect(),
        text,
        context,
        dockerfile,
    })
}

fn real(path: &Path, what: &str) -> Result<PathBuf, Error> {
    fs::canonicalize(path).map_err(|error| {
        Error::invalid(format!("{what} {} cannot be read", path.display())).caused_by(error)
    })
}

fn dockerfile(context: &Path, source: &Source) -> Result<PathBuf, Error> {
    let path = source.context.join(&source.dockerfile);
    let found = fs::canonicalize(&path).map_err(|error| {
        Error::invalid(format!("there is no Dockerfile {}", path.display()))
            .caused_by(error)
            .hint("Write one (examples/orders/Dockerfile is one to start from), or name it with `image.build.dockerfile`.")
    })?;
    if !found.starts_with(context) {
        return Err(Error::invalid(format!(
            "the Dockerfile {} is outside its context: it is {}",
            path.display(),
            found.display()
        ))
        .hint("Keep it in the context; without buildx the engine is sent nothing else."));
    }
    Ok(found)
}

fn text(file: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = fs::File::open(file).and_then(|open| open.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        Error::invalid(format!("{} cannot be read", file.display())).caused_by(error)
    })?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::invalid(format!("{} is longer than 1 MiB", file.display())));
    }
    String::from_utf8(bytes).map_err(|error| {
        Error::invalid(format!("{} is not UTF-8", file.display())).caused_by(error)
    })
}

/// The patterns that hold: those beside the Dockerfile come before those of the context.
fn ignore_text(context: &Path, dockerfile: &Path) -> Result<String, Error> {
    let mut beside = dockerfile.as_os_str().to_owned();
    beside.push(".dockerignore");
    for file in [PathBuf::from(beside), context.join(".dockerignore")] {
        if file.is_file() {
            return text(&file);
        }
    }
    Ok(String::new())
}

struct File {
    path: String,
    metadata: Metadata,
}

struct Walk<'a> {
    context: &'a Path,
    ignore: &'a Ignore,
    files: Vec<File>,
    bytes: u64,
    limit: u64,
}

impl Walk<'_> {
    fn folder(&mut self, relative: &str, depth: usize) -> Result<(), Error> {
        let folder = self.context.join(relative);
        let unreadable = |error| {
            Error::invalid(format!("{} cannot be read", folder.display()))
                .caused_by(error)
                .hint("Name it in .dockerignore if the image does not need it.")
        };
        if depth > DEEPEST {
            return Err(Error::invalid(format!("{} is nested too deeply", folder.display())));
        }
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| {
                Error::invalid(format!("{} has a name that is not UTF-8", entry.path().display()))
                    .hint("Rename it, or name its folder in .dockerignore.")
            })?;
            let path =
                if relative.is_empty() { name.to_owned() } else { format!("{relative}/{name}") };
            let ignored = self.ignore.ignores(&path);
            let metadata = entry.metadata().map_err(unreadable)?;
            if metadata.is_dir() {
                if !ignored || self.ignore.takes_back() {
                    self.folder(&path, depth + 1)?;
                }
                // An empty folder is content, too; one with files shows in their paths as well.
                if !ignored {
                    self.files.push(File { path, metadata });
                }
            } else if !ignored {
                self.take(path, metadata)?;
            }
            if self.files.len() > MOST_FILES {
                return Err(Error::invalid(format!(
                    "the build context {} has more than {MOST_FILES} files",
                    self.context.display()
                ))
                .hint("Name what the image does not need in .dockerignore (`node_modules`, `target`, `.git`)."));
            }
        }
        Ok(())
    }

    fn take(&mut self, path: String, metadata: Metadata) -> Result<(), Error> {
        if metadata.is_symlink() {
            self.link(&path)?;
        } else if !metadata.is_file() {
            // Sockets, pipes and devices: the engine is not sent them.
            return Ok(());
        } else {
            self.bytes = self.bytes.saturating_add(metadata.len());
        }
        self.files.push(File { path, metadata });
        if self.bytes > self.limit {
            return Err(self.too_large());
        }
        Ok(())
    }

    /// Refuses a link whose target is outside: the engine would be sent the link alone.
    fn link(&self, path: &str) -> Result<(), Error> {
        let target = fs::read_link(self.context.join(path)).map_err(|error| {
            Error::invalid(format!("the link {path} cannot be read")).caused_by(error)
        })?;
        // An absolute target is a path inside the image.
        if target.is_absolute() {
            return Ok(());
        }
        let mut depth = path.matches('/').count();
        for part in target.components() {
            match part {
                std::path::Component::ParentDir if depth == 0 => {
                    return Err(Error::invalid(format!(
                        "the link {path} leads out of the build context, to {}",
                        target.display()
                    ))
                    .hint("The engine is sent the link, not the file: copy the file into the context, or name the link in .dockerignore."));
                }
                std::path::Component::ParentDir => depth -= 1,
                std::path::Component::Normal(_) => depth += 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn too_large(&self) -> Error {
        let mut largest: Vec<&File> =
            self.files.iter().filter(|file| file.metadata.is_file()).collect();
        largest.sort_by_key(|file| std::cmp::Reverse(file.metadata.len()));
        let largest: Vec<String> = largest
            .iter()
            .take(3)
            .map(|file| format!("{} ({} MiB)", file.path, file.metadata.len() >> 20))
            .collect();
        Error::invalid(format!(
            "the build context {} has more than {} MiB",
            self.context.display(),
            self.limit >> 20
        ))
        .hint(format!(
            "Name what the image does not need in .dockerignore; largest so far: {}.",
            largest.join(", ")
        ))
        .hint("Or raise `image.build.context_limit`.")
    }
}

/// SHA-256 over fields of which each says how long it is.
struct Hash(Sha256);

impl Hash {
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn file(&mut self, context: &Path, file: &File) -> Result<(), Error> {
        let path = context.join(&file.path);
        let changed = |error: std::io::Error| {
            Error::invalid(format!("{} cannot be read", path.display())).caused_by(error)
        };
        self.text(&file.path);
        if file.metadata.is_symlink() {
            self.text("link");
            self.bytes(fs::read_link(&path).map_err(changed)?.as_os_str().as_encoded_bytes());
            return Ok(());
        }
        self.text(if file.metadata.is_dir() { "folder" } else { "file" });
        self.0.update(permissions(&file.metadata).to_be_bytes());
        if file.metadata.is_dir() {
            return Ok(());
        }
        self.0.update(file.metadata.len().to_be_bytes());
        let mut open = fs::File::open(&path).map_err(changed)?;
        let mut buffer = vec![0; 256 * 1024];
        let mut total = 0u64;
        loop {
            let read = open.read(&mut buffer).map_err(changed)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            self.0.update(bytes);
            total += bytes.len() as u64;
            if total > file.metadata.len() {
                break;
            }
        }
        if total != file.metadata.len() {
            return Err(Error::invalid(format!("{} changed while it was read", path.display()))
                .hint("Run again when nothing writes to the build context."));
        }
        Ok(())
    }
}

/// The permissions that a layer keeps.
#[cfg(unix)]
fn permissions(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn permissions(_: &Metadata) -> u32 {
    0o755
}

#[cfg(test)]
mod tests;
