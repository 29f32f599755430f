//! Somebody captures with no recipe at all: what is found is what the story itself
//! set up.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, ensure};

use crate::Story;
use crate::actor::Actor;
use crate::facts::call;
use crate::kflat::{Folder, kflat, number, start, value};

pub(crate) const STORIES: &[Story] = &[
    ("a_read_of_a_file", a_read),
    ("a_message_to_a_socket", a_message),
    ("an_opened_file", an_opened_file),
    ("an_executed_program", an_executed_program),
    ("a_request_to_a_terminal", a_request_to_a_terminal),
    ("a_request_to_a_device", a_request_to_a_device),
    ("work_in_a_kernel_thread", work_in_a_kernel_thread),
    ("a_timer_in_a_softirq", a_timer_in_a_softirq),
];

/// Captures at `function` when the actor plays its part.
pub(crate) fn capture(actor: Actor, function: &str, image: &str, options: &[&str]) -> Result<()> {
    let pid = actor.pid().to_string();
    let arguments = ["capture", function, "--pid", &pid, "-o", image];
    let waiting = start("kflat", &[&arguments[..], options].concat())?;
    actor.play()?;
    waiting.end()?.succeeds()?;
    Ok(())
}

fn is(image: &str, path: &str, expected: &str) -> Result<()> {
    let found = value(image, path)?;
    ensure!(found == expected, "{path} is {found}, not {expected}");
    Ok(())
}

fn is_number(image: &str, path: &str, expected: u64) -> Result<()> {
    let found = number(image, path)?;
    ensure!(found == expected, "{path} is {found}, not {expected}");
    Ok(())
}

fn a_read() -> Result<()> {
    let folder = Folder::new("automatic_read")?;
    let (path, image) = (folder.file("numbers.txt"), folder.file("read.img"));
    fs::write(&path, "one two three four five")?;
    let mut file = File::open(&path)?;
    let actor = Actor::new(move || {
        file.seek(SeekFrom::Start(8))?;
        let mut buffer = [0xee; 5];
        file.read_exact(&mut buffer)?;
        ensure!(&buffer == b"three", "{buffer:?}");
        Ok(())
    })?;
    capture(actor, "vfs_read", &image, &[])?;
    is(&image, "file->f_path.dentry->d_name.name", "numbers.txt")?;
    is_number(&image, "file->f_inode->i_size", 23)?;
    is_number(&image, "file->f_inode->i_ino", fs::metadata(&path)?.ino())?;
    is_number(&image, "count", 5)?;
    is_number(&image, "pos[0]", 8)?;
    // What the buffer held before.
    let buffer = kflat(&["show", &image, "buf_user"])?.succeeds()?;
    buffer.says(&["= → ee ee ee ee ee;"])?;
    Ok(())
}

/// Guests begin without a network.
pub(crate) fn loopback_is_up() -> Result<()> {
    // SAFETY: Makes a descriptor.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) };
    ensure!(socket >= 0, "no socket");
    // SAFETY: The descriptor is new and ours.
    let socket = unsafe { File::from_raw_fd(socket) };
    // SAFETY: All bit patterns are values of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP.try_into()?;
    // SAFETY: The structure is read.
    let set = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    ensure!(set == 0, "the loopback device can't be used");
    Ok(())
}

fn a_message() -> Result<()> {
    const TEXT: &[u8] = b"a message of forty-two bytes for the socket";
    let folder = Folder::new("automatic_message")?;
    let image = folder.file("message.img");
    loopback_is_up()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let there = listener.local_addr()?;
    let mut stream = TcpStream::connect(there)?;
    let here = stream.local_addr()?;
    // SAFETY: Asks for a file's facts; all bit patterns are values of it.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: The structure is filled in.
    let known = unsafe { libc::fstat(stream.as_raw_fd(), &raw mut stat) };
    ensure!(known == 0, "the socket has no facts");
    // In memory of the actor's own: pages of a file are not present before they are read.
    let actor = Actor::new(move || {
        let text = TEXT.to_vec();
        Ok(stream.write_all(&text)?)
    })?;
    capture(actor, "tcp_sendmsg", &image, &[])?;
    drop(listener);
    let common = "sk->__sk_common";
    is_number(&image, &format!("{common}.skc_num"), here.port().into())?;
    let port = u64::from(there.port().to_be());
    is_number(&image, &format!("{common}.skc_dport"), port)?;
    let loopback = u64::from(u32::from_ne_bytes([127, 0, 0, 1]));
    is_number(&image, &format!("{common}.skc_daddr"), loopback)?;
    is_number(&image, &format!("{common}.skc_rcv_saddr"), loopback)?;
    is_number(&image, &format!("{common}.skc_family"), 2)?;
    is(&image, &format!("{common}.skc_prot->name"), "TCP")?;
    is(&image, "sk->sk_socket->state", "SS_CONNECTED")?;
    is_number(&image, "sk->sk_socket->file->f_inode->i_ino", stat.st_ino)?;
    is_number(&image, "size", TEXT.len() as u64)?;
    is_number(&image, "msg->msg_iter.count", TEXT.len() as u64)?;
    let shown = kflat(&["show", &image, "msg->msg_iter", "-n", "64"])?.succeeds()?;
    shown.says(&["a message of forty-two bytes for the socket"])?;
    Ok(())
}

fn an_opened_file() -> Result<()> {
    let folder = Folder::new("automatic_open")?;
    let (path, image) = (folder.file("opened by name"), folder.file("open.img"));
    let name = CString::new(path.clone())?;
    let actor = Actor::new(move || {
        let flags = libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC;
        // SAFETY: The name ends with a NUL.
        let file = unsafe { libc::open(name.as_ptr(), flags, 0o640) };
        ensure!(file >= 0, "no file");
        Ok(())
    })?;
    capture(actor, "do_sys_openat2", &image, &[])?;
    is(&image, "filename_user", &path)?;
    let large_file = 0o100_000;
    let flags = libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC | large_file;
    is_number(&image, "how->flags", flags.try_into()?)?;
    is_number(&image, "how->mode", 0o640)?;
    let directory = value(&image, "dfd")?;
    ensure!(directory == "-100", "not AT_FDCWD: {directory}");
    Ok(())
}

fn an_executed_program() -> Result<()> {
    let folder = Folder::new("automatic_exec")?;
    let image = folder.file("exec.img");
    let words = ["/bin/true", "these", "are the words"];
    let owned = words.map(|word| CString::new(word).unwrap_or_default());
    let actor = Actor::new(move || {
        let mut arguments: Vec<_> = owned.iter().map(|word| word.as_ptr()).collect();
        arguments.push(std::ptr::null());
        // In memory of the actor's own, as above.
        let greeting = c"GREETING=hello".to_owned();
        let environment = [greeting.as_ptr(), std::ptr::null()];
        // SAFETY: The words end with a NUL, the lists with NULL.
        unsafe { libc::execve(arguments[0], arguments.as_ptr(), environment.as_ptr()) };
        anyhow::bail!("it was not executed")
    })?;
    capture(actor, "__x64_sys_execve", &image, &[])?;
    is(&image, "filename", words[0])?;
    kflat(&["show", &image, "argv"])?
        .succeeds()?
        .says(&words.map(|word| format!("{word:?}")))?;
    kflat(&["show", &image, "envp"])?
        .succeeds()?
        .says(&["\"GREETING=hello\""])?;
    // The number of the call.
    is_number(&image, "regs->orig_ax", libc::SYS_execve.try_into()?)
}

/// Both ends of a new pseudo terminal, and the path of the second.
fn terminal() -> Result<(File, File, String)> {
    let (mut master, mut slave) = (0, 0);
    let mut name = [0u8; 64];
    // SAFETY: Two descriptors and a path, which fits, are filled in.
    let opened = unsafe {
        libc::openpty(
            &raw mut master,
            &raw mut slave,
            name.as_mut_ptr().cast(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    ensure!(opened == 0, "no terminal");
    // SAFETY: The descriptor is new and ours.
    let master = unsafe { File::from_raw_fd(master) };
    // SAFETY: As above.
    let slave = unsafe { File::from_raw_fd(slave) };
    let length = name.iter().position(|byte| *byte == 0).context("no name")?;
    let name = String::from_utf8_lossy(&name[..length]).into_owned();
    Ok((master, slave, name))
}

fn a_request_to_a_terminal() -> Result<()> {
    let folder = Folder::new("automatic_terminal")?;
    let image = folder.file("terminal.img");
    let (_master, slave, path) = terminal()?;
    let size = libc::winsize {
        ws_row: 43,
        ws_col: 132,
        ws_xpixel: 1,
        ws_ypixel: 2,
    };
    // SAFETY: The structure is read.
    let set = unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    ensure!(set == 0, "the size can't be set");
    let actor = Actor::new(move || {
        let mut pending = 0i32;
        // SAFETY: The number is filled in.
        let known = unsafe { libc::ioctl(slave.as_raw_fd(), libc::FIONREAD, &raw mut pending) };
        ensure!(known == 0, "no answer");
        Ok(())
    })?;
    capture(actor, "tty_ioctl", &image, &[])?;
    let number_of = path.rsplit('/').next().unwrap_or_default();
    let tty = "file->private_data->tty";
    is(&image, &format!("{tty}->name"), &format!("pts{number_of}"))?;
    is_number(&image, &format!("{tty}->winsize.ws_row"), 43)?;
    is_number(&image, &format!("{tty}->winsize.ws_col"), 132)?;
    is(&image, &format!("{tty}->ops->write"), "pty_write")?;
    is_number(&image, "cmd", libc::FIONREAD)?;
    is(&image, "file->f_path.dentry->d_name.name", number_of)
}

/// `struct kflat_test_order` of the test module.
#[repr(C)]
#[derive(Clone, Copy)]
struct Order {
    number: u64,
    label: [u8; 24],
}

/// `KFLAT_TEST_ORDER`.
const ORDER: u64 = 0x4020_4b01;

fn order(device: &File, number: u64, label: &str) -> Result<()> {
    let mut order = Order {
        number,
        label: [0; 24],
    };
    order.label[..label.len()].copy_from_slice(label.as_bytes());
    // SAFETY: The structure is read.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), ORDER, &raw const order) };
    let error = std::io::Error::last_os_error();
    ensure!(result == 0, "the order is refused: {error}");
    Ok(())
}

fn device() -> Result<File> {
    let device = OpenOptions::new().read(true).open("/dev/kflat_test");
    device.context("no /dev/kflat_test")
}

/// The job, with what was ordered and the steps that the module gave it.
fn is_job(image: &str, at: &str, number: u64, label: &str) -> Result<()> {
    is_number(image, &format!("{at}->order.number"), number)?;
    is(image, &format!("{at}->order.label"), label)?;
    is(image, &format!("{at}->steps->name"), "set up")?;
    is(image, &format!("{at}->steps->next->name"), "tidy up")?;
    is_number(image, &format!("{at}->steps->next->number"), 1)
}

fn a_request_to_a_device() -> Result<()> {
    let folder = Folder::new("automatic_device")?;
    let image = folder.file("device.img");
    let device = device()?;
    order(&device, 4711, "as it was before")?;
    let actor = Actor::new(move || order(&device, 4712, "as it is now"))?;
    // Only the driver knows what it keeps at a file.
    let known = ["--type", "file.private_data=struct kflat_test_job"];
    let function = "kflat_test:kflat_test_device_ioctl";
    capture(
        actor,
        function,
        &image,
        &[&known[..], &["--depth", "5"]].concat(),
    )?;
    is_number(&image, "command", ORDER)?;
    is_job(&image, "file->private_data", 4711, "as it was before")?;
    is(&image, "file->f_path.dentry->d_name.name", "kflat_test")
}

/// Captures a callback of the test module's job, whoever's turn it is.
fn callback(function: &str, case: &str, image: &str) -> Result<()> {
    let waiting = start("kflat", &["capture", function, "-o", image])?;
    waiting.ends_by(|| call(case).map(|_| ()))?.succeeds()?;
    Ok(())
}

/// Who ran when it was captured.
fn runner(image: &str) -> Result<String> {
    let said = kflat(&["image", image])?.succeeds()?.stdout;
    let line = said.lines().find(|line| line.contains("hit by"));
    Ok(line.context("nobody hit it")?.to_owned())
}

fn work_in_a_kernel_thread() -> Result<()> {
    let folder = Folder::new("automatic_work")?;
    let image = folder.file("work.img");
    order(&device()?, 42, "for the thread")?;
    callback("kflat_test:kflat_test_job_work", "job_by_work", &image)?;
    is_job(&image, "work", 42, "for the thread")?;
    is(
        &image,
        "work->work.func",
        "kflat_test_job_work [kflat_test]",
    )?;
    let runner = runner(&image)?;
    ensure!(runner.contains("\"kworker/"), "{runner}");
    Ok(())
}

fn a_timer_in_a_softirq() -> Result<()> {
    let folder = Folder::new("automatic_timer")?;
    let image = folder.file("timer.img");
    order(&device()?, 99, "for the timer")?;
    callback("kflat_test:kflat_test_job_timer", "job_by_timer", &image)?;
    is_job(&image, "timer", 99, "for the timer")?;
    is(
        &image,
        "timer->timer.function",
        "kflat_test_job_timer [kflat_test]",
    )
}
