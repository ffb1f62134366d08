//! The file of the socket: how it comes to be, never open to others, and how it goes.
//!
//! bind, chmod, listen, rename: at its path it is there with its rights only. A lock beside it says
//! who may put it there. It is removed only while it is the one that was made here.

use std::{
    fs::{self, File, Permissions, TryLockError},
    io,
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStrExt,
            fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        },
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lifecycle_core::ext::{ComponentError, LastResort, LastResortHandle};
use rustix::{
    fs::OFlags,
    io::Errno,
    net::{self, AddressFamily, SocketAddrUnix, SocketType},
};

/// What a path of a socket may have, less what is put behind it while it is made.
const LONGEST: usize = 103;
/// Who waits to be accepted. More are told to come again.
const BACKLOG: i32 = 128;

/// The file at its path, and the right to it.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    /// Device and inode of what was made.
    made: (u64, u64),
    /// Until it is removed: once, as its inode may be a successor's after that.
    last_resort: Mutex<Option<LastResortHandle>>,
    /// Held as long as the socket may be there. Its file stays: whoever removed it would remove the
    /// lock of somebody else.
    _lock: File,
}

impl Socket {
    /// Makes it, with a listener that does not block.
    pub(crate) fn bind(path: &Path) -> Result<(Self, OwnedFd), ComponentError> {
        let failed = |why: String| format!("{}: {why}", path.display());
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(failed("this is no path of a file".to_owned()).into());
        };
        let folder = safe_folder(folder).map_err(failed)?;
        let path = folder.join(name);
        let failed = |why: String| format!("{}: {why}", path.display());
        if path.as_os_str().len() > LONGEST {
            let found = path.as_os_str().len();
            return Err(failed(format!("{found} bytes, and {LONGEST} is the most")).into());
        }
        let lock = lock(&beside(&path, ".lock")).map_err(failed)?;
        vacant(&path).map_err(failed)?;
        let listener = publish(&path).map_err(|error| failed(error.to_string()))?;
        let found = fs::symlink_metadata(&path).map_err(|error| failed(error.to_string()))?;
        let made = (found.dev(), found.ino());
        let (device, inode) = made;
        let last_resort = LastResort::UnlinkSame { path: path.clone(), device, inode };
        let registered = last_resort.register();
        let registered = registered.inspect_err(|_| drop(fs::remove_file(&path)))?;
        Ok((Self { path, made, last_resort: Mutex::new(Some(registered)), _lock: lock }, listener))
    }

    /// Removes the file, if it is still the one that was made. While the listener is open no other
    /// file can have its inode.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let mut last_resort = self.last_resort.lock().unwrap_or_else(PoisonError::into_inner);
        if last_resort.is_none() {
            return Ok(());
        }
        let removed = match fs::symlink_metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == self.made => fs::remove_file(&self.path),
            // A successor's.
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        *last_resort = None;
        removed
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Removed already, but where the start came to no end.
        let _ = self.remove();
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The folder as it is without links, if nobody but us and root can change what the path leads to.
fn safe_folder(folder: &Path) -> Result<PathBuf, String> {
    let found = fs::canonicalize(folder).map_err(|error| format!("its folder: {error}"))?;
    // As written, as whoever can turn a link decides where the socket is; and as it is.
    folder.ancestors().chain(found.ancestors()).try_for_each(|part| checked(part, true))?;
    checked(&found, false)?;
    Ok(found)
}

/// Where `sticky` is enough, as in `/tmp`, others may add to the folder and change nothing of ours.
fn checked(part: &Path, sticky: bool) -> Result<(), String> {
    const STICKY: u32 = 0o1000;
    const OTHERS_WRITE: u32 = 0o022;
    let own = rustix::process::geteuid().as_raw();
    let shown = part.display();
    let found = fs::symlink_metadata(part).map_err(|error| format!("{shown}: {error}"))?;
    let owner = found.uid();
    if owner != own && owner != 0 {
        return Err(format!(
            "{shown} belongs to uid {owner}, who decides what is there; take a folder of this user \
             (uid {own}) or of root, such as RuntimeDirectory= of systemd makes"
        ));
    }
    let is_open = found.is_dir() && found.mode() & OTHERS_WRITE != 0;
    if is_open && !(sticky && found.mode() & STICKY != 0) {
        return Err(format!(
            "others can write to {shown} (mode {:o}); take a folder of its own with mode 0700, or \
             `chmod go-w {shown}`",
            found.mode() & 0o7777
        ));
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.custom_flags(no_link).open(path);
    let file = file.map_err(|error| format!("{shown}: {error}"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "another instance has it (it holds {shown}); stop that first, or give this one a path \
             of its own"
        )),
        Err(TryLockError::Error(error)) => Err(format!("{shown}: {error}")),
    }
}

/// Whether there is nothing, or what a process left that is gone.
fn vacant(path: &Path) -> Result<(), String> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !found.file_type().is_socket() {
        return Err("something is there that is no socket: remove it, if it is not needed".into());
    }
    let connected = || -> rustix::io::Result<()> {
        net::connect(&stream_socket()?, &SocketAddrUnix::new(path)?)
    };
    match connected() {
        Err(Errno::CONNREFUSED) => Ok(()),
        Ok(()) | Err(Errno::AGAIN) => Err("somebody answers there already".into()),
        Err(error) => Err(format!("a socket is there, and it cannot be told whose: {error}")),
    }
}

/// Never open to others: at its path it is there once it has its rights and listens. Takes the
/// place of what [`vacant`] has found.
fn publish(path: &Path) -> io::Result<OwnedFd> {
    let aside = beside(path, ".new");
    // Left by one that was killed in between; the lock says that nobody else is.
    if let Ok(found) = fs::symlink_metadata(&aside)
        && found.file_type().is_socket()
    {
        fs::remove_file(&aside)?;
    }
    let listener = stream_socket()?;
    net::bind(&listener, &SocketAddrUnix::new(aside.as_os_str().as_bytes())?)?;
    let published = (|| {
        fs::set_permissions(&aside, Permissions::from_mode(0o600))?;
        net::listen(&listener, BACKLOG)?;
        fs::rename(&aside, path)
    })();
    if published.is_err() {
        let _ = fs::remove_file(&aside);
    }
    published.map(|()| listener)
}

fn stream_socket() -> rustix::io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    return net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        net::SocketFlags::CLOEXEC | net::SocketFlags::NONBLOCK,
        None,
    );
    #[cfg(not(target_os = "linux"))]
    {
        let socket = net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(socket)
    }
}
