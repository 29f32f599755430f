//! What the shipped recipes capture is what the guest says otherwise.

use std::fs;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, ensure};

use crate::Story;
use crate::kflat::{Folder, kflat, number, value};

pub(crate) const STORIES: &[Story] = &[
    ("the_current_task_is_that_of_proc", the_current_task),
    ("an_open_file_is_that_of_stat", an_open_file),
    ("the_modules_are_those_of_proc", the_modules),
];

/// A field of `/proc/PID/stat`, counted from 1 as its manual does, which holds no
/// space in its second.
fn field(stat: &str, index: usize) -> Result<u64> {
    let field = stat.split(' ').nth(index - 1);
    Ok(field.context("stat is too short")?.parse()?)
}

fn the_current_task() -> Result<()> {
    let folder = Folder::new("current_task")?;
    let image = folder.file("task.img");
    // The shell's children are its own at the call, and so are the files about it.
    let script = format!(
        "sleep 60 & a=$!; sleep 60 & b=$!; cd {}; cat /proc/$$/stat >stat; \
         read children </proc/$$/task/$$/children; echo $children >children; \
         kill -0 $$; kill $a $b",
        folder.path().display()
    );
    let recipe = "recipes/current_task.kflat";
    kflat(&["capture", recipe, "-o", &image, "--", "sh", "-c", &script])?.succeeds()?;

    let stat = fs::read_to_string(folder.file("stat"))?;
    ensure!(number(&image, "task->pid")? == field(&stat, 1)?, "pid");
    ensure!(number(&image, "task->tgid")? == field(&stat, 1)?, "tgid");
    ensure!(value(&image, "task->comm")? == "sh", "comm");

    let children = fs::read_to_string(folder.file("children"))?;
    let children: Vec<u64> = (children.split_whitespace())
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    ensure!(
        children.len() == 2,
        "the shell has {} children",
        children.len()
    );
    for (index, pid) in children.iter().enumerate() {
        let path = format!("task->children[{index}]");
        ensure!(number(&image, &format!("{path}.pid"))? == *pid, "{path}");
        ensure!(value(&image, &format!("{path}.comm"))? == "sleep", "{path}");
        let parent = number(&image, &format!("{path}.real_parent->pid"))?;
        ensure!(parent == field(&stat, 1)?, "{path} has parent {parent}");
    }
    kflat(&["show", &image, "task->children[2]"])?.fails(1, &["2 elements"])?;

    // Up to the first process, and the kernel's own behind it.
    let mut pid = field(&stat, 4)?;
    let mut path = "task->real_parent".to_owned();
    let mut ancestors = 0;
    while pid != 0 {
        ensure!(number(&image, &format!("{path}->pid"))? == pid, "{path}");
        let comm = fs::read_to_string(format!("/proc/{pid}/comm"));
        // kflat, the shell's parent, has ended.
        if let Ok(comm) = &comm {
            let found = value(&image, &format!("{path}->comm"))?;
            ensure!(found == comm.trim_end(), "{path} is {found}, not {comm}");
        }
        pid = match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => field(&stat, 4)?,
            Err(_) => u64::from(std::process::id()),
        };
        path.push_str("->real_parent");
        ancestors += 1;
    }
    ensure!(ancestors >= 3, "only {ancestors} ancestors");
    ensure!(number(&image, &format!("{path}->pid"))? == 0, "{path}");
    Ok(())
}

fn an_open_file() -> Result<()> {
    let folder = Folder::new("open_file")?;
    fs::create_dir(folder.file("below"))?;
    let file = folder.write("below/words.txt", "some words\n")?;
    let image = folder.file("file.img");
    let recipe = "recipes/vfs_read.kflat";
    kflat(&["capture", recipe, "-o", &image, "--", "head", "-n1", &file])?
        .succeeds()?
        .says(&["some words"])?;

    let stat = fs::metadata(&file)?;
    for (member, expected) in [
        ("i_ino", stat.ino()),
        ("i_size", stat.size()),
        ("i_mode", stat.mode().into()),
        ("i_uid.val", stat.uid().into()),
        ("i_gid.val", stat.gid().into()),
        ("i_nlink", stat.nlink()),
    ] {
        let found = number(&image, &format!("file->f_inode->{member}"))?;
        ensure!(found == expected, "{member}: {found}, stat has {expected}");
    }
    // `dev_t` as the kernel has it: 12 bits of major, 20 of minor.
    let device = number(&image, "file->f_inode->i_sb->s_dev")?;
    let expected = u64::from(libc::major(stat.dev())) << 20 | u64::from(libc::minor(stat.dev()));
    ensure!(device == expected, "s_dev is {device:#x}");
    let kind = value(&image, "file->f_inode->i_sb->s_type->name")?;
    ensure!(kind == "tmpfs", "the file system is {kind}");

    // By component up to the root of the file system, then to where it is mounted.
    let mut dentry = "file->f_path.dentry".to_owned();
    for name in ["words.txt", "below", "open_file", "/"] {
        let found = value(&image, &format!("{dentry}->d_name.name"))?;
        ensure!(found == name, "{dentry} is {found}, not {name}");
        dentry.push_str("->d_parent");
    }
    let mount = "file->f_path.mnt";
    let mounted = value(&image, &format!("{mount}->mnt_mountpoint->d_name.name"))?;
    ensure!(mounted == "tmp", "it is mounted at {mounted}");
    let inode = number(&image, "file->f_path.dentry->d_inode->i_ino")?;
    ensure!(inode == stat.ino(), "the dentry has another inode");
    Ok(())
}

fn the_modules() -> Result<()> {
    let folder = Folder::new("modules")?;
    let image = folder.file("modules.img");
    let list = "/proc/modules";
    let recipe = "recipes/modules.kflat";
    let ran = kflat(&["capture", recipe, "-o", &image, "--", "head", "-n99", list])?.succeeds()?;
    let modules: Vec<&str> = (ran.stdout.lines())
        .filter_map(|line| line.split(' ').next())
        .collect();
    ensure!(modules.contains(&"kflat"), "kflat is not loaded");
    for (index, name) in modules.iter().enumerate() {
        let found = value(&image, &format!("modules[{index}].name"))?;
        ensure!(found == *name, "module {index} is {found}, not {name}");
        let state = value(&image, &format!("modules[{index}].state"))?;
        ensure!(state.starts_with("MODULE_STATE_LIVE"), "{name} is {state}");
    }
    let past_the_end = format!("modules[{}]", modules.len());
    let elements = format!("{} elements", modules.len());
    kflat(&["show", &image, &past_the_end])?.fails(1, &[&elements])?;
    Ok(())
}
