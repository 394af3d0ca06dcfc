//! A data folder whose disk goes wrong when asked to. Needs the rights to mount.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Size of the disk: room for the first segments of a journal, and quickly full.
const DISK_MEGABYTES: u64 = 256;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Not a byte is free.
    Full,
    /// No write and no sync comes back.
    Stuck,
}

/// A mounted disk; gone when dropped.
pub(crate) struct TroubledDisk {
    trouble: Trouble,
    mounted_at: PathBuf,
    begun: bool,
}

impl TroubledDisk {
    /// A disk that still works, below `dir`.
    pub(crate) fn mount(trouble: Trouble, dir: &Path) -> anyhow::Result<Self> {
        let (image, mounted_at) = (dir.join("troubled.img"), dir.join("troubled"));
        std::fs::create_dir(&mounted_at)?;
        File::create(&image)?.set_len(DISK_MEGABYTES * 1024 * 1024)?;
        run("mkfs.ext4", &["-q".as_ref(), "-m".as_ref(), "0".as_ref(), image.as_ref()])?;
        run("mount", &["-o".as_ref(), "loop".as_ref(), image.as_ref(), mounted_at.as_ref()])?;
        Ok(Self { trouble, mounted_at, begun: false })
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.mounted_at.join("data")
    }

    /// From now on it goes wrong.
    pub(crate) fn begin(&mut self) -> anyhow::Result<()> {
        self.begun = true;
        match self.trouble {
            Trouble::Stuck => run("fsfreeze", &["-f".as_ref(), self.mounted_at.as_ref()]),
            Trouble::Full => {
                let mut ballast = File::create(self.mounted_at.join("ballast"))?;
                let mut piece = vec![1; 1024 * 1024];
                while piece.len() > 1 {
                    match ballast.write_all(&piece) {
                        Ok(()) => {}
                        Err(error) if error.kind() == ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
                        Err(error) => return Err(error).context("fill the disk"),
                    }
                }
                Ok(())
            }
        }
    }
}

impl Drop for TroubledDisk {
    fn drop(&mut self) {
        if self.begun && self.trouble == Trouble::Stuck {
            // A process that waits for this disk cannot even be killed.
            let _ = run("fsfreeze", &["-u".as_ref(), self.mounted_at.as_ref()]);
        }
        let _ = run("umount", &["-l".as_ref(), self.mounted_at.as_ref()]);
    }
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> anyhow::Result<()> {
    let status = Command::new(program).args(arguments).status().with_context(|| program.to_owned())?;
    anyhow::ensure!(status.success(), "{program}: {status}");
    Ok(())
}
