//! Files of the ledger: created once, never edited. A folder today; `object_store` speaks to buckets with the same calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_executor::block_on;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::model::failure::Failure;

/// The ledger's files.
#[derive(Debug, Clone)]
pub struct Store {
    files: Arc<LocalFileSystem>,
    folder: PathBuf,
}

impl Store {
    /// Opens the folder, making it if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or opened.
    #[allow(clippy::disallowed_methods, reason = "the ledger's own folder")]
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let failed = || format!("the ledger {} cannot be opened", folder.display());
        std::fs::create_dir_all(folder).map_err(|e| Failure::world(failed()).because(e))?;
        Self::open_existing(folder)
    }

    /// Opens the folder only if it is there: reading must not leave a trace.
    ///
    /// # Errors
    /// The folder is not there or cannot be opened.
    pub fn open_existing(folder: &Path) -> Result<Self, Failure> {
        let files = LocalFileSystem::new_with_prefix(folder)
            .map_err(|e| Failure::world(format!("the ledger {} cannot be opened", folder.display())).because(e))?;
        Ok(Self { files: Arc::new(files), folder: folder.to_owned() })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates a file; `false` if there is one of that name already.
    ///
    /// # Errors
    /// The file cannot be written whole.
    pub fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, Failure> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match block_on(self.files.put_opts(&Key::from(name), PutPayload::from(bytes), options)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.failed("written", name, error)),
        }
    }

    /// Writes a file that can be made again from others, whether it is there or not.
    ///
    /// # Errors
    /// The file cannot be written whole.
    pub fn replace(&self, name: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let put = block_on(self.files.put(&Key::from(name), PutPayload::from(bytes)));
        put.map(|_| ()).map_err(|error| self.failed("written", name, error))
    }

    /// A file's bytes; `None` if it is not there.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let got = block_on(async { self.files.get(&Key::from(name)).await?.bytes().await });
        match got {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", name, error)),
        }
    }

    /// Removes a file that can be made again from others.
    pub fn remove(&self, name: &str) {
        // Best effort: a file that stays costs only room.
        let _ = block_on(self.files.delete(&Key::from(name)));
    }

    /// Names of the files directly below `folder`, sorted.
    ///
    /// # Errors
    /// The folder is there and cannot be listed.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, Failure> {
        match block_on(self.files.list_with_delimiter(Some(&Key::from(folder)))) {
            Ok(found) => {
                let mut names: Vec<String> = found.objects.into_iter().map(|meta| meta.location.to_string()).collect();
                names.sort();
                Ok(names)
            }
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(self.failed("listed", folder, error)),
        }
    }

    fn failed(&self, what: &str, name: &str, error: object_store::Error) -> Failure {
        Failure::world(format!("the ledger's file {}/{name} cannot be {what}", self.folder.display())).because(error)
    }
}
