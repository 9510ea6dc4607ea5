//! What there is in a data set: every image decoded, sizes, damage, duplicates.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use crate::decode::{DecodeOptions, decode};
use crate::error::{DataError, Result};
use crate::loader::lock;
use crate::source::{self, Raw, SourceSpec};

#[derive(Debug, Serialize)]
pub struct Listed {
    pub path: String,
    pub reason: String,
}

/// What [`check`] found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub images: usize,
    /// Images that decode.
    pub good: usize,
    pub broken: Vec<Listed>,
    /// Files that are no images.
    pub skipped: Vec<Listed>,
    pub classes: Vec<String>,
    /// Images of every class, by label.
    pub per_class: BTreeMap<i64, usize>,
    pub gray: usize,
    pub smallest: Option<[usize; 2]>,
    pub largest: Option<[usize; 2]>,
    /// Of the sides of all images.
    pub mean_width: f64,
    pub mean_height: f64,
    pub bytes: u64,
    /// Groups of files with the same content.
    pub duplicates: Vec<Vec<String>>,
}

struct Seen {
    index: usize,
    bytes: usize,
    hash: u128,
    outcome: std::result::Result<(usize, usize, usize), String>,
}

/// A hash of 128 bits; equal contents are told apart from chance by it, not from malice.
fn hash(bytes: &[u8]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u8(salt);
        hasher.write(bytes);
        u128::from(hasher.finish())
    };
    (half(0) << 64) | half(1)
}

/// Decodes every image of the source that the JSON text describes; the report is JSON.
///
/// # Errors
/// The source cannot be opened.
pub fn check(spec: &str, threads: usize) -> Result<String> {
    let spec: SourceSpec =
        serde_json::from_str(spec).map_err(|error| DataError::usage(format!("data source: {error}")))?;
    let source = source::open(&spec)?;
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(Vec::with_capacity(source.len()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= source.len() {
                return;
            }
            let mut found = Seen {
                index,
                bytes: 0,
                hash: 0,
                outcome: Err(String::new()),
            };
            found.outcome = match source.load(index) {
                Err(error) => Err(error.to_string()),
                Ok(Raw::Decoded(image)) => {
                    (found.bytes, found.hash) = (image.data.len(), hash(&image.data));
                    Ok((image.width, image.height, image.channels))
                }
                Ok(Raw::Encoded(bytes)) => {
                    (found.bytes, found.hash) = (bytes.len(), hash(&bytes));
                    decode(&bytes, DecodeOptions::default())
                        .map(|image| (image.width, image.height, image.channels))
                        .map_err(|error| error.to_string())
                }
            };
            lock(&seen).push(found);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, 64) {
            scope.spawn(work);
        }
    });
    let mut seen = seen
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    seen.sort_by_key(|found| found.index);
    let mut report = Report {
        images: source.len(),
        classes: source.classes().to_vec(),
        skipped: source
            .skipped()
            .iter()
            .map(|file| Listed {
                path: file.path.clone(),
                reason: file.reason.clone(),
            })
            .collect(),
        ..Report::default()
    };
    let mut by_hash: BTreeMap<u128, Vec<usize>> = BTreeMap::new();
    for found in &seen {
        report.bytes += found.bytes as u64;
        if let Some(label) = source.label(found.index) {
            *report.per_class.entry(label).or_default() += 1;
        }
        if found.bytes > 0 {
            by_hash.entry(found.hash).or_default().push(found.index);
        }
        match &found.outcome {
            Err(reason) => report.broken.push(Listed {
                path: source.name(found.index),
                reason: reason.clone(),
            }),
            Ok((width, height, channels)) => {
                report.good += 1;
                report.gray += usize::from(*channels == 1);
                report.mean_width += *width as f64;
                report.mean_height += *height as f64;
                let size = [*width, *height];
                let area = |size: &[usize; 2]| size[0] * size[1];
                if report
                    .smallest
                    .is_none_or(|smallest| area(&size) < area(&smallest))
                {
                    report.smallest = Some(size);
                }
                if report.largest.is_none_or(|largest| area(&size) > area(&largest)) {
                    report.largest = Some(size);
                }
            }
        }
    }
    let good = report.good.max(1) as f64;
    report.mean_width /= good;
    report.mean_height /= good;
    let groups = by_hash.into_values().filter(|group| group.len() > 1);
    report.duplicates = groups
        .map(|group| group.into_iter().map(|index| source.name(index)).collect())
        .collect();
    report.duplicates.sort();
    serde_json::to_string(&report).map_err(|error| DataError::internal(error.to_string()))
}

/// A PNG file of RGB pixels.
///
/// # Errors
/// The pixels are not width × height × 3 bytes.
pub fn encode_png(pixels: &[u8], width: u32, height: u32) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer
        .write_image_data(pixels)
        .map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(bytes)
}
