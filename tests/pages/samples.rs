//! Files as people share them, made here.

use std::io::{Cursor, Write};

use serde_json::{Value, json};

use crate::support::{TestApp, User};

/// Bytes that look like chance, and are the same each time.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// A picture of one colour.
pub fn png(width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    let mut row = vec![0];
    row.extend(colour.repeat(width as usize));
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&row.repeat(height as usize)).expect("it is packed");
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut part = |name: &[u8], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(data);
        for piece in [&(data.len() as u32).to_be_bytes(), name, data, &crc.sum().to_be_bytes()] {
            bytes.extend_from_slice(piece);
        }
    };
    part(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat());
    part(b"IDAT", &packed.finish().expect("it is packed"));
    part(b"IEND", b"");
    bytes
}

/// Silence, so many seconds of it.
pub fn wav(seconds: u32) -> Vec<u8> {
    const RATE: u32 = 44_100;
    let size = seconds * RATE * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(RATE.to_le_bytes());
    bytes.extend((RATE * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(size.to_le_bytes());
    bytes.resize(44 + size as usize, 0);
    bytes
}

/// A document of one page, which is all red; it begins with an action where there is one.
pub fn pdf(action: &str) -> Vec<u8> {
    let paint = "1 0 0 rg 0 0 600 600 re f";
    let open = if action.is_empty() { String::new() } else { format!("/OpenAction {action}") };
    let objects = [
        format!("<< /Type /Catalog /Pages 2 0 R {open} >>"),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 600] /Contents 4 0 R >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{paint}\nendstream", paint.len()),
    ];
    let mut text = "%PDF-1.7\n".to_owned();
    let mut places = Vec::new();
    for (object, number) in objects.iter().zip(1..) {
        places.push(text.len());
        text.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let table = text.len();
    text.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for place in places {
        text.push_str(&format!("{place:010} 00000 n \n"));
    }
    text.push_str(&format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    ));
    text.into_bytes()
}

/// Somebody with a whole name.
pub fn ada(app: &TestApp) -> User {
    app.user_with(|token| {
        token.user = Some("ada".to_owned());
        token.user_name = Some("Ada Lovelace".to_owned());
    })
}

/// Keeps bytes in the drive; gives the item's id.
pub async fn keep(user: &User, path: &str, bytes: impl Into<Vec<u8>>) -> String {
    let answer = user.put(&format!("/drive/root:{path}:/content"), bytes.into()).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// A folder at the top of the drive; gives its id.
pub async fn folder(user: &User, name: &str) -> String {
    let made = user.post("/drive/root/children", json!({ "name": name, "folder": {} })).await.expect(201);
    made.json()["id"].as_str().expect("an id").to_owned()
}

/// A link to what is at a path.
pub async fn share(user: &User, path: &str, link_type: &str) -> Value {
    let item = user.get(&format!("/drive/root:{path}")).await.expect(200).json();
    user.link(item["id"].as_str().expect("an id"), link_type).await
}

/// What the drive has at a path now.
pub async fn content(user: &User, path: &str) -> Vec<u8> {
    let answer = user.get(&format!("/drive/root:{path}:/content")).await.expect(302);
    user.get(answer.header("location")).await.expect(200).body
}

/// Names in a folder of the drive.
pub async fn names(user: &User, path: &str) -> Vec<String> {
    let all = user.get(&format!("/drive/root:{path}:/children?$top=1000")).await.expect(200).json();
    let all = all["value"].as_array().expect("a list").clone();
    let mut names: Vec<String> =
        all.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

/// Names in an archive.
pub fn names_in(archive: Vec<u8>) -> Vec<String> {
    let archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let mut names: Vec<String> =
        archive.file_names().map(|name| name.expect("a name").into_owned()).collect();
    names.sort();
    names
}
