//! The blob store: files in a folder, or any S3-compatible store. Holds ciphertext, and what anybody may read:
//! clear code, collateral.
//!
//! A blob has a random name and is never changed; what it means stands in the database.

use crate::{ServeError, db::Db, db::now_ms};
use object_store::{
    ObjectStore, ObjectStoreExt as _, WriteMultipart, aws::AmazonS3Builder, local::LocalFileSystem,
    path::Path, prefix::PrefixStore,
};
use std::{fs, path::PathBuf, sync::Arc};

/// S3 takes 10,000 parts: 16 MiB each hold more than the largest file that is taken.
const S3_PART: usize = 16 << 20;
const FILE_PART: usize = 1 << 20;

/// The blob store.
#[derive(Clone)]
pub(crate) struct Blobs {
    store: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
}

impl Blobs {
    /// Opens the store that `location` names: `s3://BUCKET/PREFIX` or a folder.
    pub(crate) fn open(location: &str) -> Result<Self, ServeError> {
        let Some(rest) = location.strip_prefix("s3://") else {
            let folder = PathBuf::from(location.strip_prefix("file://").unwrap_or(location));
            crate::setup::private_dir(&folder)?;
            let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
            return Ok(Self { store: Arc::new(store), folder: Some(folder) });
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let s3 = AmazonS3Builder::from_env().with_bucket_name(bucket).build()?;
        Ok(Self { store: Arc::new(PrefixStore::new(s3, prefix)), folder: None })
    }

    /// A name for a new blob.
    pub(crate) fn fresh_name() -> String {
        let id = uuid::Uuid::new_v4().simple().to_string();
        format!("{}/{id}", &id[..2])
    }

    /// Starts to store a blob. It is there once the writer has finished, and not before.
    pub(crate) async fn writer(&self, blob: &str) -> object_store::Result<WriteMultipart> {
        let upload = self.store.put_multipart(&Path::from(blob)).await?;
        let part = if self.folder.is_some() { FILE_PART } else { S3_PART };
        Ok(WriteMultipart::new_with_chunk_size(upload, part))
    }

    /// A blob's size and bytes.
    pub(crate) async fn read(&self, blob: &str) -> object_store::Result<object_store::GetResult> {
        self.store.get(&Path::from(blob)).await
    }

    /// Deletes loose blobs, and forgets those that are gone. What fails is left for next time.
    pub(crate) async fn delete(&self, db: &Db, blobs: &[String]) {
        for blob in blobs {
            match self.store.delete(&Path::from(blob.as_str())).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    tracing::warn!("cannot delete blob {blob}: {error}");
                    continue;
                }
            }
            self.delete_parts(blob);
            if let Err(error) = db.forget_blob(blob).await {
                tracing::warn!("cannot forget blob {blob}: {error}");
            }
        }
    }

    /// A crash in the middle of an upload leaves `NAME#1` beside the place of `NAME`.
    fn delete_parts(&self, blob: &str) {
        let Some(folder) = &self.folder else { return };
        let path = folder.join(blob);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
        let prefix = format!("{}#", name.to_string_lossy());
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                drop(fs::remove_file(entry.path()));
            }
        }
    }

    /// Deletes what uploads that were cut off have left: everything loose if this is the only
    /// server, else what is older than any upload takes.
    pub(crate) async fn sweep(&self, db: &Db) {
        const TWO_DAYS: i64 = 48 * 3600 * 1000;
        let alone = db.backend() == crate::db::Backend::Sqlite;
        let before = if alone { now_ms() } else { now_ms() - TWO_DAYS };
        match db.loose_blobs(before).await {
            Ok(blobs) => self.delete(db, &blobs).await,
            Err(error) => tracing::warn!("cannot list loose blobs: {error}"),
        }
    }
}
