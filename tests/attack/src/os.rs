//! What has no safe face in std: forks, signals, limits, the loader, an allocator that can be held.

#![allow(unsafe_code, reason = "this is what the attacks are made of")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ffi::{CString, c_int, c_void},
    io,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

/// Blocks the thread for ever: a system call, which needs nothing that could be held.
pub fn block() -> ! {
    loop {
        // SAFETY: `pause` has no precondition.
        unsafe { libc::pause() };
    }
}

/// Writes a line to stdout, whole, without a lock and without an allocation.
pub fn say(line: &str) {
    let part =
        |text: &str| libc::iovec { iov_base: text.as_ptr().cast_mut().cast(), iov_len: text.len() };
    let parts = [part(line), part("\n")];
    // SAFETY: valid parts, which are only read.
    unsafe { libc::writev(1, parts.as_ptr(), 2) };
}

fn checked(what: &str, result: c_int) {
    assert!(result != -1, "{what}: {}", io::Error::last_os_error());
}

/// Ends this process in a while, whatever becomes of the test that started it. Children by `fork`
/// have to ask for themselves.
pub fn end_in_a_while() {
    // SAFETY: no precondition.
    unsafe { libc::alarm(90) };
}

/// A child without exec: it runs `body` and ends with what that returns.
pub fn fork(body: impl FnOnce() -> i32) -> libc::pid_t {
    // SAFETY: the bodies of these tests are content with one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        end_in_a_while();
        let code = body();
        // SAFETY: ends the child.
        unsafe { libc::_exit(code) };
    }
    checked("fork", child);
    child
}

/// A child by `vfork`, which has its parent's memory, and pauses; the calling thread waits for its
/// end. `say` tells its process id.
pub fn vfork_and_pause() -> libc::pid_t {
    extern "C" fn child(_: *mut c_void) -> c_int {
        end_in_a_while();
        let mut line = *b"child            \n";
        // SAFETY: `getpid` has no precondition.
        let mut pid = unsafe { libc::getpid() };
        for place in (6..16).rev() {
            line[place] = b'0' + (pid % 10) as u8;
            pid /= 10;
        }
        // SAFETY: valid bytes.
        unsafe { libc::write(1, line.as_ptr().cast(), line.len()) };
        block()
    }
    let mut stack = vec![0_u128; 8192];
    // SAFETY: a stack of its own, which stays until the child has ended, as this thread waits.
    let child = unsafe {
        let top = stack.as_mut_ptr().add(8192).cast();
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        libc::clone(child, top, flags, ptr::null_mut())
    };
    checked("vfork", child);
    child
}

/// How a child ended, for people: `code 0`, `signal 15`.
pub fn wait(child: libc::pid_t) -> String {
    let mut status = 0;
    // SAFETY: a valid place.
    checked("waitpid", unsafe { libc::waitpid(child, &raw mut status, 0) });
    if libc::WIFSIGNALED(status) {
        format!("signal {}", libc::WTERMSIG(status))
    } else {
        format!("code {}", libc::WEXITSTATUS(status))
    }
}

/// A session of its own.
pub fn setsid() {
    // SAFETY: no precondition.
    unsafe { libc::setsid() };
}

/// Ends the process without anything else.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: no precondition.
    unsafe { libc::_exit(code) }
}

/// Sends a signal.
pub fn kill(process: libc::pid_t, signal: c_int) {
    // SAFETY: no precondition.
    checked("kill", unsafe { libc::kill(process, signal) });
}

/// The same of a process that may be gone.
pub fn try_kill(process: libc::pid_t, signal: c_int) -> bool {
    // SAFETY: no precondition.
    unsafe { libc::kill(process, signal) == 0 }
}

/// This thread, for [`kill_thread`].
pub fn this_thread() -> u64 {
    // SAFETY: no precondition.
    unsafe { libc::pthread_self() as u64 }
}

/// Sends a signal to a thread, which must not have ended.
pub fn kill_thread(thread: u64, signal: c_int) {
    // SAFETY: a thread that goes on to the end of the process.
    unsafe { libc::pthread_kill(thread as libc::pthread_t, signal) };
}

/// Sets a handler, or `SIG_DFL` or `SIG_IGN`, over the head of every registry.
pub fn set_handler(signal: c_int, handler: libc::sighandler_t) {
    // SAFETY: zeros are a valid `sigaction`; the handlers of these tests are safe where they run.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = handler;
        checked("sigaction", libc::sigaction(signal, &raw const action, ptr::null_mut()));
    }
}

/// A handler for [`set_handler`].
pub fn handler(handler: extern "C" fn(c_int)) -> libc::sighandler_t {
    handler as *const () as libc::sighandler_t
}

/// Blocks these signals on this thread and those that it starts.
pub fn block_signals(signals: &[c_int]) {
    let mut set = MaybeUninit::uninit();
    // SAFETY: a set that `sigemptyset` fills.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
    }
}

/// Sets a limit, soft and hard.
pub fn limit(which: &str, to: u64) {
    let which = match which {
        "nofile" => libc::RLIMIT_NOFILE,
        "nproc" => libc::RLIMIT_NPROC,
        "fsize" => libc::RLIMIT_FSIZE,
        other => panic!("there is no limit {other}"),
    };
    let to = libc::rlimit { rlim_cur: to, rlim_max: to };
    // SAFETY: a valid limit.
    checked("setrlimit", unsafe { libc::setrlimit(which, &raw const to) });
}

/// Becomes another user, who is bound by limits.
pub fn become_user(id: u32) {
    // SAFETY: no precondition.
    unsafe {
        checked("setgid", libc::setresgid(id, id, id));
        checked("setuid", libc::setresuid(id, id, id));
    }
}

/// Closes every descriptor from `first` on.
pub fn close_from(first: u32) {
    // SAFETY: who calls this wants to lose them.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    assert_eq!(closed, 0, "close_range: {}", io::Error::last_os_error());
}

/// Makes descriptor `to` what `from` is.
pub fn duplicate(from: c_int, to: c_int) {
    // SAFETY: no precondition.
    checked("dup2", unsafe { libc::dup2(from, to) });
}

/// Replaces this program.
pub fn exec(program: &str, args: &[String]) -> ! {
    let text = |text: &str| CString::new(text).expect("no zero byte");
    let strings: Vec<_> =
        std::iter::once(program).chain(args.iter().map(|arg| &**arg)).map(text).collect();
    let pointers: Vec<_> = strings.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
    // SAFETY: strings that end, in a list that ends.
    unsafe { libc::execv(pointers[0], pointers.as_ptr()) };
    panic!("{program}: {}", io::Error::last_os_error());
}

/// Has the kernel answer each of these system calls with this error.
pub fn deny(calls: &[(i64, i32)]) {
    const LOAD: u16 = 0x20;
    const EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const ERRNO: u32 = 0x0005_0000;
    const ALLOW: u32 = 0x7fff_0000;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = vec![step(LOAD, 0, 0, 0)];
    for (call, errno) in calls {
        filter.push(step(EQUAL, 0, 1, *call as u32));
        filter.push(step(RETURN, 0, 0, ERRNO | *errno as u32));
    }
    filter.push(step(RETURN, 0, 0, ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a valid program, which the kernel copies.
    unsafe {
        checked("no_new_privs", libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program);
        checked("seccomp", set);
    }
}

/// A library that was loaded.
pub struct Library(usize);

/// Loads a library; returns when its constructors do.
pub fn load(path: &str) -> Library {
    let path = CString::new(path).expect("no zero byte");
    // SAFETY: a valid path, of a library of these tests.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    assert!(!library.is_null(), "dlopen failed");
    Library(library as usize)
}

impl Library {
    /// Unloads it; returns when its destructors do.
    pub fn unload(self) {
        // SAFETY: loaded by `load`, and unloaded once.
        unsafe { libc::dlclose(self.0 as *mut c_void) };
    }
}

/// Walks the loaded libraries and never comes back: the loader's write lock is held.
pub fn hang_in_walk_of_libraries() {
    extern "C" fn callback(_: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
        say("up");
        block()
    }
    // SAFETY: a valid callback.
    unsafe { libc::dl_iterate_phdr(Some(callback), ptr::null_mut()) };
}

/// Every `fork` of this process hangs from now on, and so does whoever comes while one hangs.
pub fn hang_forks() {
    extern "C" fn prepare() {
        block()
    }
    // SAFETY: a valid handler.
    unsafe { libc::pthread_atfork(Some(prepare), None, None) };
}

/// `SCHED_IDLE` for this process: whoever else wants the processor has it.
pub fn be_idle() {
    let none = libc::sched_param { sched_priority: 0 };
    // SAFETY: valid parameters.
    checked("sched", unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const none) });
}

/// The allocator of the system, until somebody holds it: then every call waits, for ever.
pub struct Holdable;

static IS_HELD: AtomicBool = AtomicBool::new(false);

impl Holdable {
    /// As if a thread stood in the allocator with its lock, and never went on.
    pub fn hold() {
        IS_HELD.store(true, Ordering::SeqCst);
    }

    fn wait() {
        if IS_HELD.load(Ordering::Relaxed) {
            block();
        }
    }
}

// SAFETY: the allocator of the system, or nothing at all.
unsafe impl GlobalAlloc for Holdable {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::wait();
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        Self::wait();
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Closes every descriptor but these.
pub fn close_but(kept: &[c_int]) {
    for fd in (0..1024).filter(|fd| !kept.contains(fd)) {
        // SAFETY: who calls this wants to lose it.
        unsafe { libc::close(fd) };
    }
}

/// As daemons do: fork, leave the session, fork again; both parents are gone.
pub fn daemonize() {
    for _ in 0..2 {
        // SAFETY: what the child needs of other threads it does not get, which is the point.
        let child = unsafe { libc::fork() };
        checked("fork", child);
        if child != 0 {
            exit_now(0);
        }
        end_in_a_while();
        setsid();
    }
}

/// Forks; the parent waits for all descendants, which are its own from here on, and ends as the
/// last of them did. The child goes on.
pub fn reap_descendants() {
    // SAFETY: no precondition; the child goes on with the only thread that there is.
    let child = unsafe {
        checked("subreaper", libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
        libc::fork()
    };
    checked("fork", child);
    if child == 0 {
        return;
    }
    let mut last = 0;
    loop {
        let mut status = 0;
        // SAFETY: a valid place.
        match unsafe { libc::waitpid(-1, &raw mut status, 0) } {
            -1 => exit_now(last),
            _ if libc::WIFSIGNALED(status) => last = 128 + libc::WTERMSIG(status),
            _ => last = libc::WEXITSTATUS(status),
        }
    }
}

/// Closes one descriptor.
pub fn close(fd: c_int) {
    // SAFETY: who calls this wants to lose it.
    unsafe { libc::close(fd) };
}

/// Mounts what answers at this descriptor of `/dev/fuse`.
pub fn mount_fuse(at: &str, device: c_int) -> bool {
    let options = format!("fd={device},rootmode=40000,user_id=0,group_id=0,allow_other");
    let [at, options] = [at, &*options].map(|text| CString::new(text).expect("no zero byte"));
    // SAFETY: strings that end.
    let mounted = unsafe {
        libc::mount(
            c"silent".as_ptr(),
            at.as_ptr(),
            c"fuse".as_ptr(),
            libc::MS_NOSUID | libc::MS_NODEV,
            options.as_ptr().cast(),
        )
    };
    mounted == 0
}

/// Unmounts, also what is in use.
pub fn unmount(at: &str) {
    let at = CString::new(at).expect("no zero byte");
    // SAFETY: a string that ends.
    unsafe { libc::umount2(at.as_ptr(), libc::MNT_FORCE | libc::MNT_DETACH) };
}
