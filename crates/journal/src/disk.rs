//! The little that the journal asks of a disk: one folder of files. Small, so that a simulated disk with power loss can
//! stand in for it ([`crate::sim`]). Every call blocks.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// One folder.
pub trait Disk: Send + Sync + 'static {
    /// Makes a file for reading and writing; fails when it exists. Durable only after [`Disk::sync_dir`].
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading, cutting and syncing.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Renames a file. Durable only after [`Disk::sync_dir`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file. Durable only after [`Disk::sync_dir`].
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes what was created, renamed and removed durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Free space in bytes; `None` when the system does not tell.
    fn free_space(&self) -> io::Result<Option<u64>>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`. On an error any part of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the file `bytes` long, more than it has, with the room on the disk for them; the new ones read as zeros. A
    /// write there still changes metadata, which the next [`DiskFile::sync_data`] waits for. False, and nothing is
    /// changed, where the file system cannot do it.
    fn reserve(&self, bytes: u64) -> io::Result<bool>;
    /// Cuts the file to `bytes`, fewer than it has. Durable only after [`DiskFile::sync_data`].
    fn cut(&self, bytes: u64) -> io::Result<()>;
    /// Makes what was written, and the length, durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// True when the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Name of the file whose lock says that a process has the folder open.
const LOCK_FILE: &str = "journal.lock";

/// A folder of the operating system, held by one process at a time: until the journal and all its writers and readers
/// are dropped.
#[derive(Debug)]
pub struct OsDisk {
    folder: PathBuf,
    // Held open for its lock, which ends with it.
    _lock: Option<File>,
}

impl OsDisk {
    /// Opens the folder, makes it if need be (for this user only), and locks it.
    ///
    /// # Errors
    /// When it cannot be made, or when another process holds it (`WouldBlock`).
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref().to_owned();
        make_folder(&folder)?;
        let lock = private_options().write(true).create(true).truncate(false).open(folder.join(LOCK_FILE))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { folder, _lock: Some(lock) })
    }

    /// Opens the folder as [`OsDisk::open`] does, but locks nothing: for a log whose writers agree by a lock of their own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open_shared(folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref().to_owned();
        make_folder(&folder)?;
        Ok(Self { folder, _lock: None })
    }
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

fn private_options() -> OpenOptions {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

impl Disk for OsDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = private_options().read(true).write(true).create_new(true).open(self.folder.join(name))?;
        Ok(Box::new(OsFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        // Writable, because some systems refuse to sync a handle that is not.
        Ok(Box::new(OsFile(OpenOptions::new().read(true).write(true).open(self.folder.join(name))?)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.file_name().into_string().ok()))
            .filter_map(io::Result::transpose)
            .collect()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    #[cfg(unix)]
    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_dir(&self) -> io::Result<()> {
        // Folders cannot be opened for syncing there; their journal orders creation before a synced file's content.
        Ok(())
    }

    #[cfg(not(unix))]
    fn free_space(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    #[cfg(unix)]
    fn free_space(&self) -> io::Result<Option<u64>> {
        let space = rustix::fs::statvfs(&self.folder)?;
        // What a process without privileges may use.
        Ok(Some(space.f_bavail.saturating_mul(space.f_frsize)))
    }
}

struct OsFile(File);

#[cfg(unix)]
impl DiskFile for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        self.0.write_all_at(bytes, offset)
    }

    #[cfg(target_os = "linux")]
    fn reserve(&self, bytes: u64) -> io::Result<bool> {
        use rustix::io::Errno;
        let plain = rustix::fs::FallocateFlags::empty();
        match rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.0, plain, 0, bytes)) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn reserve(&self, _: u64) -> io::Result<bool> {
        Ok(false)
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

#[cfg(windows)]
impl DiskFile for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        use std::os::windows::fs::FileExt;
        let mut done = 0;
        while done < buffer.len() {
            match self.0.seek_read(&mut buffer[done..], offset + done as u64)? {
                0 => break,
                read => done += read,
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        use std::os::windows::fs::FileExt;
        let mut done = 0;
        while done < bytes.len() {
            match self.0.seek_write(&bytes[done..], offset + done as u64)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => done += written,
            }
        }
        Ok(())
    }

    fn reserve(&self, _: u64) -> io::Result<bool> {
        Ok(false)
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
