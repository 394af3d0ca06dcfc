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
    /// Not as it was when it was read.
    #[error("was changed by another program in this moment, and is as that left it; try again")]
    Changed,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner: there is a key in it. One that is there loses what it let others do.
    Owner,
    /// As before; a new one as the user's mask says.
    Usual,
    /// By this mode, which it had before there was a key in it.
    Mode(u32),
    /// A new one all: the machine's settings, whatever root's mask is.
    All,
}

/// What others than its owner may do with a file.
const OTHERS: u32 = 0o077;

/// The mode of the file without what it lets others do.
pub fn for_its_owner(mode: u32) -> u32 {
    mode & !OTHERS
}

/// The mode of the file, where there are modes.
pub fn mode(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    return fs::metadata(path).ok().map(|metadata| std::os::unix::fs::MetadataExt::mode(&metadata) & 0o7777);
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// A file's change.
#[derive(Debug, Clone, Copy)]
pub struct Put<'p> {
    /// The bytes that it was planned for; `None` if there was no file.
    pub now: Option<&'p [u8]>,
    /// The bytes that shall be there.
    pub next: &'p [u8],
    /// Who may read them.
    pub readers: Readers,
}

/// What is written. A trait so that tests can let any step be the last one.
pub trait Disk {
    /// Puts the bytes in the place of the file's, at once and durable. A new file gets the owner of its folder.
    ///
    /// # Errors
    /// When the system refuses, or the file is no longer what the change was planned for; it is then as it was.
    fn replace(&self, path: &Path, put: Put<'_>) -> Result<(), FileError>;

    /// Removes the file if it holds these bytes, and those of the folders, the outermost first in the list, that are then
    /// empty.
    ///
    /// # Errors
    /// When the file cannot be removed, or holds something else.
    fn remove(&self, path: &Path, now: &[u8], folders: &[PathBuf]) -> Result<(), FileError>;

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
    fn replace(&self, path: &Path, put: Put<'_>) -> Result<(), FileError> {
        replace(path, put)
    }

    fn remove(&self, path: &Path, now: &[u8], folders: &[PathBuf]) -> Result<(), FileError> {
        remove(path, now, folders)
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

fn replace(path: &Path, put: Put<'_>) -> Result<(), FileError> {
    check_writable(path)?;
    let readers = put.readers;
    for folder in missing_folders(path) {
        fs::create_dir(&folder)?;
        open_to_all(&folder, readers, 0o755)?;
        own_as(&folder, folder.parent().and_then(|above| fs::metadata(above).ok()).as_ref());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let begins = format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy());
    sweep(folder, &begins);
    let new = folder.join(format!("{begins}{}{NEW}", uuid::Uuid::new_v4().simple()));
    let written = write_beside(path, &new, put.next, readers).map_err(FileError::from).and_then(|()| {
        // Agents write their settings whenever they like. What is left between this look and the next line is
        // less than a write of theirs takes.
        expect(path, put.now)?;
        Ok(fs::rename(&new, path)?)
    });
    if let Err(error) = written {
        // Nothing to be done when this fails too.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_folder(folder);
    Ok(())
}

fn expect(path: &Path, now: Option<&[u8]>) -> Result<(), FileError> {
    if read(path)?.as_deref() == now { Ok(()) } else { Err(FileError::Changed) }
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
        #[cfg(unix)]
        if let Some(mode) = match readers {
            Readers::Owner => mode(path).map(for_its_owner),
            Readers::Mode(mode) => Some(mode),
            Readers::Usual | Readers::All => None,
        } {
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        }
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

fn remove(path: &Path, now: &[u8], folders: &[PathBuf]) -> Result<(), FileError> {
    expect(path, Some(now))?;
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
