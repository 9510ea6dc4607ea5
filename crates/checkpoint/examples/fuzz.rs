//! Reads damaged files without end: `cargo run --release -p vissl-checkpoint --example fuzz -- READER SECONDS`.
//!
//! READER is `torch` (zip, legacy and safetensors, told apart by their content), `npy`, `pickle` or `json`. Inputs are
//! the test files with random damage, and what earlier damage made of them where it led to a new error. The run ends
//! with an error when a reader panics or takes more memory than its input justifies; the input is then written to
//! `fuzz-READER-failure`.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::HashSet,
    fs,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use vissl_checkpoint::{json, numpy, torch_file};

/// Counts what is allocated, and the largest amount at any time.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a reader may take beyond a multiple of its input: tables, and copies of strided views.
const ALLOWANCE: usize = 96 << 20;
const FACTOR: usize = 200;
const MOST_INPUTS: usize = 4000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// The first `whole` inputs are undamaged ones.
fn damage(random: &mut Random, inputs: &[Vec<u8>], whole: usize) -> Vec<u8> {
    let choices = if random.below(2) == 0 { whole } else { inputs.len() };
    let mut bytes = inputs[random.below(choices)].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len());
        match random.below(8) {
            _ if bytes.is_empty() => bytes.push(random.next() as u8),
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => {
                let length = random.below(64).min(bytes.len() - at);
                bytes.drain(at..at + length);
            }
            4 => {
                let length = random.below(64).min(bytes.len() - at);
                let copy = bytes[at..at + length].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
            5 => {
                let value = [
                    0u64,
                    1,
                    0x7f,
                    0xff,
                    0x7fff,
                    0xffff,
                    0x7fff_ffff,
                    u64::MAX >> 1,
                    u64::MAX,
                ][random.below(9)]
                .to_le_bytes();
                let width = 1 << random.below(4);
                let end = (at + width).min(bytes.len());
                bytes[at..end].copy_from_slice(&value[..end - at]);
            }
            6 => {
                let other = &inputs[random.below(inputs.len())];
                let from = random.below(other.len());
                let length = random.below(256).min(other.len() - from);
                bytes.splice(at..at, other[from..from + length].iter().copied());
            }
            _ => bytes[at] = bytes[at].wrapping_add(random.below(5) as u8).wrapping_sub(2),
        }
    }
    bytes
}

fn read_tree(bytes: &[u8]) -> vissl_checkpoint::Result<()> {
    let file = torch_file::read_from(Cursor::new(bytes.to_vec()))?;
    json::from_file(file).map(drop)
}

fn read_json(bytes: &[u8]) -> vissl_checkpoint::Result<()> {
    let text = String::from_utf8_lossy(bytes);
    json::to_tree(&text, &[&[0u8; 4096][..]; 64]).map(drop)
}

fn corpus(extensions: &[&str]) -> Vec<Vec<u8>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../__test__/golden");
    let mut found = Vec::new();
    for folder in ["checkpoint", "numpy"] {
        for entry in fs::read_dir(golden.join(folder)).expect("the test files are there") {
            let path = entry.expect("an entry").path();
            let extension = path.extension().and_then(|text| text.to_str()).unwrap_or("");
            let bytes = fs::read(&path).expect("a readable file");
            if extensions.contains(&extension) && bytes.len() < 1 << 16 {
                found.push(bytes);
            }
        }
    }
    found
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(reader), Some(Ok(seconds))) = (arguments.first(), arguments.get(1).map(|text| text.parse()))
    else {
        eprintln!("usage: fuzz torch|npy|pickle|json SECONDS");
        return ExitCode::from(2);
    };
    type Reader = fn(&[u8]) -> vissl_checkpoint::Result<()>;
    let (read, mut inputs): (Reader, _) = match reader.as_str() {
        "torch" => (read_tree, corpus(&["torch", "safetensors"])),
        "npy" => (|bytes| numpy::read(bytes).map(drop), corpus(&["npy"])),
        "pickle" => (|bytes| numpy::read_pickle(bytes).map(drop), corpus(&["pkl"])),
        "json" => {
            let torch = corpus(&["torch"]);
            let trees = torch.iter().filter_map(|bytes| {
                let file = torch_file::read_from(Cursor::new(bytes.clone())).ok()?;
                Some(json::from_file(file).ok()?.0.into_bytes())
            });
            (read_json, trees.collect())
        }
        other => {
            eprintln!("there is no reader {other}");
            return ExitCode::from(2);
        }
    };
    let whole = inputs.len();
    std::panic::set_hook(Box::new(|_| {}));
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut random, mut seen, mut count, mut good, mut most) =
        (Random(0x2545_f491_4f6c_dd1d), HashSet::new(), 0u64, 0u64, 0);
    while Instant::now() < end {
        let bytes = damage(&mut random, &inputs, whole);
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&bytes).map_err(|error| error.message)));
        let taken = PEAK.load(Ordering::Relaxed) - before;
        most = most.max(taken);
        count += 1;
        let failure = match &outcome {
            Err(_) => Some("it panicked".to_string()),
            Ok(_) if taken > ALLOWANCE + FACTOR * bytes.len() => {
                Some(format!("it took {taken} bytes for an input of {}", bytes.len()))
            }
            Ok(_) => None,
        };
        if let Some(why) = failure {
            let path = format!("fuzz-{reader}-failure");
            let _ = fs::write(&path, &bytes);
            println!("{reader}: {why} after {count} inputs; the input is in {path}");
            return ExitCode::FAILURE;
        }
        let kind: String = match outcome {
            Ok(Ok(())) => {
                good += 1;
                String::new()
            }
            Ok(Err(message)) => message.chars().filter(|c| !c.is_ascii_digit()).take(60).collect(),
            Err(_) => continue,
        };
        // Damage that leads somewhere new is worth more damage.
        if bytes.len() < 1 << 17 && inputs.len() < MOST_INPUTS && seen.insert(kind) {
            inputs.push(bytes);
        }
    }
    println!(
        "{reader}: {count} inputs in {seconds} s, {good} readable, {} kinds of outcome, at most {} KiB taken, no failure",
        seen.len(),
        most >> 10
    );
    ExitCode::SUCCESS
}
