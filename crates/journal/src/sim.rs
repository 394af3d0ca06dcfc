//! A disk in memory that loses power, fills up and fails, from a seed: for tests of this crate and of those above it.
//!
//! What is written goes to a cache. A power loss keeps of it, sector by sector and in no order, what the seed decides;
//! what was synced stays. A file that was cut has any length from the old to the new one. Names that were created, renamed or removed since the last sync of the folder may come undone,
//! the latest first. After a failed sync the cache still answers reads, but what was dirty may never reach the disk,
//! as with Linux.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile};

/// What survives of a write, survives in whole sectors.
pub const SECTOR_BYTES: usize = 512;

/// Calls that can be made to fail, or to be the last before a power loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `write_at`, `reserve` and `cut`.
    Write,
    /// `sync_data`.
    Sync,
    /// `create`, `rename`, `remove` or `sync_dir`.
    Folder,
}

/// A fault to come.
struct Fault {
    call: Call,
    /// Calls of that kind still to come, this one included.
    left: u64,
    kind: io::ErrorKind,
}

type Folder = BTreeMap<String, usize>;

/// A change of a file that is not yet durable.
enum Dirty {
    Write(usize, Vec<u8>),
    Cut(usize),
}

/// One file's bytes.
#[derive(Default)]
struct Inode {
    /// As reads see it.
    cached: Vec<u8>,
    /// As it would be after a power loss that keeps nothing more.
    durable: Vec<u8>,
    /// Since the last sync, in order.
    dirty: Vec<Dirty>,
}

impl Inode {
    fn write(bytes: &mut Vec<u8>, data: &[u8], offset: usize) {
        if bytes.len() < offset + data.len() {
            bytes.resize(offset + data.len(), 0);
        }
        bytes[offset..offset + data.len()].copy_from_slice(data);
    }
}

struct State {
    inodes: Vec<Inode>,
    folder: Folder,
    durable_folder: Folder,
    /// The folder after each change since its last sync.
    folder_history: Vec<Folder>,
    random: u64,
    faults: Vec<Fault>,
    calls: [u64; 3],
    calls_until_power_loss: Option<u64>,
    powered: bool,
    /// Counts power losses: a file opened before one is dead after it.
    epoch: u64,
    capacity: Option<u64>,
    syncs_held: bool,
    reserved: u64,
}

impl State {
    fn next_random(&mut self) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next_random() % bound.max(1)
    }

    /// Counts the call. Answers an injected error, or that the power is gone.
    fn enter(&mut self, call: Call) -> io::Result<()> {
        self.powered()?;
        self.calls[call as usize] += 1;
        if let Some(left) = &mut self.calls_until_power_loss {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.lose_power();
                return Err(power_is_off());
            }
        }
        let mut outcome = Ok(());
        self.faults.retain_mut(|fault| {
            if fault.call == call {
                fault.left = fault.left.saturating_sub(1);
                if fault.left == 0 {
                    outcome = Err(fault.kind.into());
                }
            }
            fault.left > 0
        });
        outcome
    }

    fn powered(&self) -> io::Result<()> {
        if self.powered { Ok(()) } else { Err(power_is_off()) }
    }

    fn free(&self) -> Option<u64> {
        let used: u64 = self.folder.values().map(|inode| self.inodes[*inode].cached.len() as u64).sum();
        self.capacity.map(|capacity| capacity.saturating_sub(used))
    }

    /// Keeps of what is dirty nothing, all, or each sector by a throw, by the mood of this power loss.
    fn settle_dirty(&mut self, inode: usize, mood: u64) {
        for change in std::mem::take(&mut self.inodes[inode].dirty) {
            match change {
                Dirty::Write(offset, data) => self.settle_write(inode, mood, offset, &data),
                Dirty::Cut(bytes) => self.settle_cut(inode, mood, bytes),
            }
        }
    }

    fn settle_write(&mut self, inode: usize, mood: u64, offset: usize, data: &[u8]) {
        let mut at = 0;
        while at < data.len() {
            let len = (SECTOR_BYTES - (offset + at) % SECTOR_BYTES).min(data.len() - at);
            let keep = match mood {
                0 => false,
                1 => true,
                _ => self.below(mood) != 0,
            };
            if keep {
                Inode::write(&mut self.inodes[inode].durable, &data[at..at + len], offset + at);
            }
            at += len;
        }
    }

    fn settle_cut(&mut self, inode: usize, mood: u64, bytes: usize) {
        let gone = self.inodes[inode].durable.len().saturating_sub(bytes);
        let kept = match mood {
            0 => gone,
            1 => 0,
            _ => self.below(gone as u64 + 1) as usize,
        };
        let durable = &mut self.inodes[inode].durable;
        durable.truncate(durable.len() - gone + kept);
    }

    fn lose_power(&mut self) {
        self.powered = false;
        self.epoch += 1;
        self.calls_until_power_loss = None;
        self.faults.clear();
        self.syncs_held = false;
        let mood = self.below(6);
        for inode in 0..self.inodes.len() {
            self.settle_dirty(inode, mood);
            self.inodes[inode].cached = self.inodes[inode].durable.clone();
        }
        let kept = self.below(self.folder_history.len() as u64 + 1) as usize;
        if let Some(folder) = kept.checked_sub(1).map(|last| self.folder_history[last].clone()) {
            self.durable_folder = folder;
        }
        self.folder_history.clear();
        self.folder = self.durable_folder.clone();
    }

    fn change_folder(&mut self, change: impl FnOnce(&mut Folder)) {
        change(&mut self.folder);
        self.folder_history.push(self.folder.clone());
    }

    fn write(&mut self, inode: usize, data: &[u8], offset: usize) -> io::Result<()> {
        let entered = self.enter(Call::Write);
        let grows = (offset + data.len()).saturating_sub(self.inodes[inode].cached.len()) as u64;
        let missing = self.free().map_or(0, |free| grows.saturating_sub(free));
        let written = match &entered {
            Err(_) if !self.powered => return entered,
            // A failed write may have written any part.
            Err(_) => self.below(data.len() as u64 + 1) as usize,
            Ok(()) => data.len().saturating_sub(missing as usize),
        };
        Inode::write(&mut self.inodes[inode].cached, &data[..written], offset);
        self.inodes[inode].dirty.push(Dirty::Write(offset, data[..written].to_vec()));
        if entered.is_ok() && missing > 0 { Err(io::ErrorKind::StorageFull.into()) } else { entered }
    }

    fn cut(&mut self, inode: usize, bytes: usize) -> io::Result<()> {
        self.enter(Call::Write)?;
        self.inodes[inode].cached.truncate(bytes);
        self.inodes[inode].dirty.push(Dirty::Cut(bytes));
        Ok(())
    }

    fn sync(&mut self, inode: usize) -> io::Result<()> {
        match self.enter(Call::Sync) {
            Ok(()) => self.settle_dirty(inode, 1),
            Err(error) => {
                if self.powered {
                    self.settle_dirty(inode, 2);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

#[derive(Clone)]
struct Shared(Arc<(Mutex<State>, Condvar)>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A simulated disk. Clones are handles to the same disk.
#[derive(Clone)]
pub struct SimDisk {
    shared: Shared,
}

impl SimDisk {
    /// An empty disk whose misfortunes follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = State {
            inodes: Vec::new(),
            folder: Folder::new(),
            durable_folder: Folder::new(),
            folder_history: Vec::new(),
            random: seed,
            faults: Vec::new(),
            calls: [0; 3],
            calls_until_power_loss: None,
            powered: true,
            epoch: 0,
            capacity: None,
            syncs_held: false,
            reserved: 0,
        };
        Self { shared: Shared(Arc::new((Mutex::new(state), Condvar::new()))) }
    }

    /// The power goes off now.
    pub fn lose_power(&self) {
        self.shared.lock().lose_power();
        self.shared.0.1.notify_all();
    }

    /// The power goes off instead of the `calls`-th call from now that changes something.
    pub fn lose_power_after(&self, calls: u64) {
        self.shared.lock().calls_until_power_loss = Some(calls.max(1));
    }

    /// The power is back. Files opened before stay dead. Also takes back a power loss that was still to come.
    pub fn restore_power(&self) {
        let mut state = self.shared.lock();
        state.powered = true;
        state.calls_until_power_loss = None;
    }

    /// False after a power loss.
    pub fn is_powered(&self) -> bool {
        self.shared.lock().powered
    }

    /// The `nth` call of that kind from now (1 is the next) fails with `kind`. A failed write may have written a part.
    pub fn fail_nth(&self, call: Call, nth: u64, kind: io::ErrorKind) {
        self.shared.lock().faults.push(Fault { call, left: nth.max(1), kind });
    }

    /// Takes back the faults that have not happened. Answers how many.
    pub fn clear_faults(&self) -> usize {
        self.shared.lock().faults.drain(..).count()
    }

    /// Calls of that kind so far.
    pub fn calls(&self, call: Call) -> u64 {
        self.shared.lock().calls[call as usize]
    }

    /// Sets the size of the disk in bytes; `None` is without end.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.shared.lock().capacity = bytes;
    }

    /// How many files got room that was not written.
    pub fn reserved(&self) -> u64 {
        self.shared.lock().reserved
    }

    /// A slow disk: while held, syncs wait.
    pub fn hold_syncs(&self, held: bool) {
        self.shared.lock().syncs_held = held;
        self.shared.0.1.notify_all();
    }

    /// Content of a file as reads see it.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.shared.lock();
        state.folder.get(name).map(|inode| state.inodes[*inode].cached.clone())
    }

    /// Puts a file on the disk, durable; replaces one of that name.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.shared.lock();
        let inode = state.inodes.len();
        state.inodes.push(Inode { durable: bytes.clone(), cached: bytes, dirty: Vec::new() });
        state.folder.insert(name.to_owned(), inode);
        state.durable_folder.insert(name.to_owned(), inode);
        for folder in &mut state.folder_history {
            folder.insert(name.to_owned(), inode);
        }
    }

    fn file(&self, inode: usize, epoch: u64) -> Box<dyn DiskFile> {
        Box::new(SimFile { shared: self.shared.clone(), inode, epoch })
    }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.shared.lock();
        state.enter(Call::Folder)?;
        if state.folder.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.change_folder(|folder| {
            folder.insert(name.to_owned(), inode);
        });
        Ok(self.file(inode, state.epoch))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let state = self.shared.lock();
        state.powered()?;
        let inode = state.folder.get(name).ok_or_else(not_found)?;
        Ok(self.file(*inode, state.epoch))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.shared.lock();
        state.powered()?;
        Ok(state.folder.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.enter(Call::Folder)?;
        let inode = *state.folder.get(from).ok_or_else(not_found)?;
        state.change_folder(|folder| {
            folder.remove(from);
            folder.insert(to.to_owned(), inode);
        });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.enter(Call::Folder)?;
        if !state.folder.contains_key(name) {
            return Err(not_found());
        }
        state.change_folder(|folder| {
            folder.remove(name);
        });
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.enter(Call::Folder)?;
        state.durable_folder = state.folder.clone();
        state.folder_history.clear();
        Ok(())
    }

    fn free_space(&self) -> io::Result<Option<u64>> {
        let state = self.shared.lock();
        state.powered()?;
        Ok(state.free())
    }
}

struct SimFile {
    shared: Shared,
    inode: usize,
    epoch: u64,
}

impl SimFile {
    fn lock(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.shared.lock();
        if state.epoch == self.epoch { Ok(state) } else { Err(power_is_off()) }
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.lock()?;
        let rest = state.inodes[self.inode].cached.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.lock()?.write(self.inode, bytes, offset as usize)
    }

    fn reserve(&self, bytes: u64) -> io::Result<bool> {
        let mut state = self.lock()?;
        let old = state.inodes[self.inode].cached.len();
        let zeros = vec![0; (bytes as usize).saturating_sub(old)];
        state.write(self.inode, &zeros, old)?;
        state.reserved += 1;
        Ok(true)
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        self.lock()?.cut(self.inode, bytes as usize)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.lock()?;
        while state.syncs_held && state.epoch == self.epoch {
            state = self.shared.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.epoch != self.epoch {
            return Err(power_is_off());
        }
        state.sync(self.inode)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.lock()?.inodes[self.inode].cached.len() as u64)
    }
}
