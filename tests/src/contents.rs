//! Somebody looks at data on its way with no recipe at all: what was sent is found
//! where the kernel keeps it.

use std::fmt::Write as _;
use std::io::{Read, Write, pipe};
use std::net::{TcpListener, TcpStream, UdpSocket};

use anyhow::{Context, Result, ensure};

use crate::Story;
use crate::actor::Actor;
use crate::automatic::{capture, loopback_is_up};
use crate::kflat::{Folder, kflat, number};

pub(crate) const STORIES: &[Story] = &[
    ("a_packet_whose_text_is_in_a_page", in_a_page),
    ("a_packet_of_one_piece", of_one_piece),
    ("what_is_in_a_pipe", in_a_pipe),
];

const TEXT: &[u8] = b"forty-two bytes that somebody has sent on.";

/// The events of an image that are of objects, each a line of JSON.
fn objects(image: &str) -> Result<Vec<String>> {
    let said = kflat(&["show", image, "--json"])?.succeeds()?.stdout;
    let objects = said
        .lines()
        .filter(|line| line.starts_with("{\"event\":\"object\""));
    Ok(objects.map(str::to_owned).collect())
}

/// The one object at a path.
fn object(image: &str, path: &str) -> Result<String> {
    let wanted = format!("\"path\":\"{path}\"");
    let mut all = objects(image)?.into_iter();
    let found = all.find(|line| line.contains(&wanted));
    found.with_context(|| format!("nothing was captured at {path}"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        // Writing to a String can't fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

fn in_a_page() -> Result<()> {
    let folder = Folder::new("packet_in_a_page")?;
    let image = folder.file("packet.img");
    loopback_is_up()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    sender.write_all(TEXT)?;
    let actor = Actor::new(move || {
        let mut text = [0; TEXT.len()];
        receiver.read_exact(&mut text)?;
        ensure!(text == TEXT, "{text:?}");
        Ok(())
    })?;
    // Hands a packet's bytes to the process.
    capture(actor, "skb_copy_datagram_iter", &image, &[])?;
    let length = TEXT.len() as u64;
    ensure!(number(&image, "skb->len")? == length, "another packet");
    ensure!(
        number(&image, "skb->data_len")? == length,
        "nothing is in pages"
    );
    let shared = object(&image, "skb->end")?;
    ensure!(shared.contains("\"nr_frags\":1"), "{shared}");
    is_captured(&image, "skb->end->")?;
    // Behind the packet itself.
    kflat(&["show", &image])?
        .succeeds()?
        .says(&["struct skb_shared_info *skb->end = → {"])?;
    Ok(())
}

/// The text is an object of its own, whose path begins like this.
fn is_captured(image: &str, path: &str) -> Result<()> {
    let text = format!("\"bytes\":\"{}\"", hexadecimal(TEXT));
    let mut all = objects(image)?.into_iter();
    let found = all.find(|line| line.contains(&text));
    let found = found.context("what was sent was not captured")?;
    ensure!(found.contains(&format!("\"path\":\"{path}")), "{found}");
    Ok(())
}

fn of_one_piece() -> Result<()> {
    let folder = Folder::new("packet_of_one_piece")?;
    let image = folder.file("packet.img");
    loopback_is_up()?;
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.send_to(TEXT, receiver.local_addr()?)?;
    let actor = Actor::new(move || {
        let mut text = [0; TEXT.len()];
        receiver.recv_from(&mut text)?;
        ensure!(text == TEXT, "{text:?}");
        Ok(())
    })?;
    // The process has them.
    capture(actor, "skb_consume_udp", &image, &[])?;
    ensure!(
        number(&image, "skb->data_len")? == 0,
        "some of it is in pages"
    );
    let shared = object(&image, "skb->end")?;
    ensure!(shared.contains("\"nr_frags\":0"), "{shared}");
    let ip = object(&image, "skb->network_header")?;
    ensure!(ip.contains("\"type\":\"struct iphdr\""), "{ip}");
    ensure!(ip.contains("\"protocol\":17"), "{ip}");
    let udp = object(&image, "skb->transport_header")?;
    let length = u16::try_from(TEXT.len() + 8)?.to_be();
    ensure!(udp.contains(&format!("\"len\":{length},")), "{udp}");
    let linear = object(&image, "skb->head")?;
    let text = hexadecimal(TEXT);
    ensure!(linear.contains(&text), "{linear}");
    Ok(())
}

fn in_a_pipe() -> Result<()> {
    let folder = Folder::new("what_is_in_a_pipe")?;
    let image = folder.file("pipe.img");
    let (mut reader, mut writer) = pipe()?;
    writer.write_all(TEXT)?;
    let actor = Actor::new(move || {
        let mut text = [0; TEXT.len()];
        reader.read_exact(&mut text)?;
        ensure!(text == TEXT, "{text:?}");
        Ok(())
    })?;
    capture(actor, "vfs_read", &image, &[])?;
    let pipe = "file->private_data";
    ensure!(
        number(&image, &format!("{pipe}->head"))? == 1,
        "another pipe"
    );
    let length = number(&image, &format!("{pipe}->bufs[0].len"))?;
    ensure!(length == TEXT.len() as u64, "{length}");
    is_captured(&image, &format!("{pipe}->"))
}
