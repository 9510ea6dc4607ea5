//! The part of the zip format that `torch.save` uses: stored entries, zip64.

mod read;
mod write;

pub use read::{Entry, Reader};
pub use write::{ALIGNMENT, Writer};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const END64_LOCATOR: u32 = 0x0706_4b50;
const ZIP64_EXTRA: u16 = 1;
