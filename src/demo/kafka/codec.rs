//! Compression of record batches, each codec as the Java client frames it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::world::scenario::Codec;

/// Compresses the records of one batch.
pub fn compress(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    match codec {
        Codec::None => bytes.to_vec(),
        Codec::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
        }
        Codec::Snappy => snappy(bytes),
        Codec::Lz4 => {
            let frame = FrameInfo::new().block_mode(BlockMode::Independent);
            let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
            encoder.write_all(bytes).expect("writing to memory cannot fail");
            encoder.finish().expect("writing to memory cannot fail")
        }
        Codec::Zstd => compress_to_vec(bytes, CompressionLevel::Fastest),
    }
}

/// The framing of snappy-java: a magic, two version numbers, then blocks with their lengths.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 32 * 1024;
    let mut out = b"\x82SNAPPY\0".to_vec();
    out.extend_from_slice(&1_i32.to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    for block in bytes.chunks(BLOCK) {
        let packed = snap::raw::Encoder::new().compress_vec(block).expect("a block is far below snappy's limit");
        out.extend_from_slice(&(packed.len() as i32).to_be_bytes());
        out.extend_from_slice(&packed);
    }
    out
}
