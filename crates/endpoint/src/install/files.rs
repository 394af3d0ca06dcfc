//! Settings files on the disk: read whole, replaced at once, with their mode and owner; links are followed and stay.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Longest settings file, in bytes. Claude Code's own are some kilobytes.
pub const FILE_BYTES_MAX: u64 = 8 << 20;
/// Links that are followed from one file.
const LINKS_MAX: usize = 16;
/// Ends the name of a file that is not yet in its place.
const NEW: &str = ".ursa-new";

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Marked against writing.
    #[error("is read-only; make it writable and try again")]
    ReadOnly,
    /// Its folder.
    #[error("this user may not write in {0}")]
    FolderNotWritable(PathBuf),
    /// No plain file.
    #[error("is no plain file")]
    NotAFile,
    /// It has other names that would keep the old content.
    #[error("has other names (hard links), which would not change with it")]
    HardLinks,
    /// Too long.
    #[error("is longer than {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// Links without end.
    #[error("is a link that leads nowhere")]
    Links,
}

/// Who may read a file that is new. One that is there keeps its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner: there is a key in it.
    Owner,
    /// As the user's mask says.
    Usual,
    /// All: the machine's settings, whatever root's mask is.
    All,
}

/// What is written. A trait so that tests can let any step be the last one.
pub trait Disk {
    /// Puts the bytes in the place of the file's, at once and durable. A new file gets the owner of its folder.
    ///
    /// # Errors
    /// When the system refuses; the file is then as it was.
    fn replace(&self, path: &Path, bytes: &[u8], readers: Readers) -> Result<(), FileError>;

    /// Removes the file, and those of the folders, the outermost first in the list, that are then empty.
    ///
    /// # Errors
    /// When the file cannot be removed.
    fn remove(&self, path: &Path, folders: &[PathBuf]) -> Result<(), FileError>;

    /// Writes a file of the state directory, for its owner only.
    ///
    /// # Errors
    /// When the system refuses.
    fn private(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
}

/// The system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn replace(&self, path: &Path, bytes: &[u8], readers: Readers) -> Result<(), FileError> {
        replace(path, bytes, readers)
    }

    fn remove(&self, path: &Path, folders: &[PathBuf]) -> Result<(), FileError> {
        remove(path, folders)
    }

    fn private(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        crate::state::make_private(path.parent().unwrap_or(Path::new("/")))?;
        crate::state::replace_private(path, bytes)
    }
}

/// The file that the path leads to, through links, whether it is there or not.
///
/// # Errors
/// When links do not end.
pub fn resolve(path: &Path) -> Result<PathBuf, FileError> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("/")).join(target);
            }
            Ok(_) => return Ok(fs::canonicalize(&path)?),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                // Links among its folders count, too: the file is then the same by whichever way.
                let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
                let name = path.file_name();
                return Ok(folder.zip(name).map_or(path.clone(), |(folder, name)| folder.join(name)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(FileError::Links)
}

/// The bytes of the file; `None` if there is none.
///
/// # Errors
/// When it cannot be read, or is no plain file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !metadata.is_file() {
        return Err(FileError::NotAFile);
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(FileError::TooLong) } else { Ok(Some(bytes)) }
}

/// Looks whether the file could be replaced, before anything is.
///
/// # Errors
/// When it could not.
pub fn check_writable(path: &Path) -> Result<(), FileError> {
    if let Ok(metadata) = fs::metadata(path) {
        if metadata.permissions().readonly() {
            return Err(FileError::ReadOnly);
        }
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::nlink(&metadata) > 1 {
            return Err(FileError::HardLinks);
        }
    }
    let folder = path.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
    if !folder.is_dir() {
        return Err(FileError::FolderNotWritable(folder.to_path_buf()));
    }
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        access(folder, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|_| FileError::FolderNotWritable(folder.to_path_buf()))?;
    }
    Ok(())
}

/// Folders that are missing above the file, the outermost first.
pub fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let missing = path.ancestors().skip(1).take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let mut missing: Vec<_> = missing.map(Path::to_path_buf).collect();
    missing.reverse();
    missing
}

fn replace(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), FileError> {
    check_writable(path)?;
    for folder in missing_folders(path) {
        fs::create_dir(&folder)?;
        open_to_all(&folder, readers, 0o755)?;
        own_as(&folder, folder.parent().and_then(|above| fs::metadata(above).ok()).as_ref());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let begins = format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy());
    sweep(folder, &begins);
    let new = folder.join(format!("{begins}{}{NEW}", uuid::Uuid::new_v4().simple()));
    let written = write_beside(path, &new, bytes, readers).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        // Nothing to be done when this fails too.
        let _ = fs::remove_file(&new);
        return Err(error.into());
    }
    sync_folder(folder);
    Ok(())
}

/// Removes what a run that was killed has left beside the file.
fn sweep(folder: &Path, begins: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(begins) && name.ends_with(NEW)) {
            // Harms nobody if it stays.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn write_beside(path: &Path, new: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let before = fs::metadata(path).ok();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // The file's own mode follows once there is something to keep; until then nobody else reads it.
        options.mode(if before.is_some() || readers == Readers::Owner { 0o600 } else { 0o644 });
    }
    let mut file = options.open(new)?;
    file.write_all(bytes)?;
    if let Some(before) = &before {
        own_as(new, Some(before));
        file.set_permissions(before.permissions())?;
    } else {
        open_to_all(new, readers, 0o644)?;
        own_as(new, path.parent().and_then(|folder| fs::metadata(folder).ok()).as_ref());
    }
    file.sync_all()
}

/// Lets all read what is the machine's.
fn open_to_all(path: &Path, readers: Readers, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    if readers == Readers::All {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = (path, readers, mode);
    Ok(())
}

/// Gives the file that owner, where this user may. Root changes other users' files, and they must stay theirs.
fn own_as(path: &Path, like: Option<&fs::Metadata>) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        if let Some(like) = like
            && fs::metadata(path).is_ok_and(|now| (now.uid(), now.gid()) != (like.uid(), like.gid()))
        {
            // Only root may; for others the file is theirs already.
            let _ = chown(path, Some(like.uid()), Some(like.gid()));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, like);
}

fn remove(path: &Path, folders: &[PathBuf]) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    for folder in folders.iter().rev() {
        // Fails for folders that hold something, which then stay.
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    if let Some(folder) = path.ancestors().skip(1).find(|folder| folder.exists()) {
        sync_folder(folder);
    }
    Ok(())
}

/// A name that is new or gone must outlive a power cut. Not every system can.
fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = folder;
}
