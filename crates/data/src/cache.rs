use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::image::Image;
use crate::loader::lock;

/// Decoded images, kept until a number of bytes is reached. What came first stays, so a set that fits is decoded
/// once and a larger one keeps its use for a fixed part of it.
pub struct Cache {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    bytes: usize,
    images: HashMap<(usize, usize), Arc<Image>>,
}

impl Cache {
    pub fn new(limit: usize) -> Self {
        Cache {
            limit,
            kept: Mutex::default(),
        }
    }

    /// Bytes of the pixels that are kept.
    pub fn bytes(&self) -> usize {
        lock(&self.kept).bytes
    }

    pub fn get(&self, source: usize, sample: usize) -> Option<Arc<Image>> {
        if self.limit == 0 {
            return None;
        }
        lock(&self.kept).images.get(&(source, sample)).cloned()
    }

    pub fn put(&self, source: usize, sample: usize, image: &Arc<Image>) {
        if self.limit == 0 {
            return;
        }
        let mut kept = lock(&self.kept);
        if kept.bytes + image.data.len() <= self.limit
            && kept.images.insert((source, sample), Arc::clone(image)).is_none()
        {
            kept.bytes += image.data.len();
        }
    }
}
