use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use crate::buffer::{Buffer, Line};
use crate::loader::lock;

/// Smaller pieces come from the allocator's own lists rather than from fresh pages.
const SMALLEST: usize = 128 << 10;

/// Memory of batches that were let go, for the batches to come: on fresh pages, the first write of a batch costs more
/// than the rest of collating. Memory is in the pool or in one [`Buffer`], never in both.
pub struct Pool {
    shelf: Arc<Mutex<Shelf>>,
}

/// What a buffer knows of the pool that it came from; the pool may be gone.
pub(crate) struct Home(Weak<Mutex<Shelf>>);

struct Shelf {
    /// The one that came back last is at the end; its pages are the likeliest to be in a cache.
    free: VecDeque<Vec<Line>>,
    /// How many may lie here, and how many bytes of them.
    most: usize,
    most_bytes: usize,
    bytes: usize,
}

impl Pool {
    /// Keeps up to `most` pieces and `most_bytes` bytes that nobody uses.
    pub fn new(most: usize, most_bytes: usize) -> Pool {
        Pool {
            shelf: Arc::new(Mutex::new(Shelf {
                free: VecDeque::new(),
                most,
                most_bytes,
                bytes: 0,
            })),
        }
    }

    /// Memory whose contents are left over from another batch, or zero; the taker writes all of it.
    pub fn take(&self, bytes: usize) -> Buffer {
        if bytes < SMALLEST {
            return Buffer::new(bytes);
        }
        let found = lock(&self.shelf).take(bytes);
        let lines = found.unwrap_or_else(|| Buffer::lines(bytes));
        Buffer::of_pool(lines, bytes, Home(Arc::downgrade(&self.shelf)))
    }

    /// Bytes that lie here unused.
    pub fn bytes(&self) -> usize {
        lock(&self.shelf).bytes
    }

    /// Frees what lies here and takes nothing back any more.
    pub fn close(&self) {
        let free = {
            let mut shelf = lock(&self.shelf);
            shelf.most = 0;
            shelf.bytes = 0;
            std::mem::take(&mut shelf.free)
        };
        drop(free);
    }
}

impl Home {
    /// Gives memory back; without the pool it is freed.
    pub(crate) fn give(&self, lines: Vec<Line>) {
        if let Some(shelf) = self.0.upgrade() {
            let too_much = lock(&shelf).put(lines);
            drop(too_much);
        }
    }
}

impl Shelf {
    /// The last piece that is large enough and not more than twice as large as that.
    fn take(&mut self, bytes: usize) -> Option<Vec<Line>> {
        let fits = |lines: &Vec<Line>| (bytes..=2 * bytes).contains(&size_of_val(&lines[..]));
        let at = self.free.iter().rposition(fits)?;
        let lines = self.free.remove(at)?;
        self.bytes -= size_of_val(&lines[..]);
        Some(lines)
    }

    /// @returns what lay here longest and is too much now
    fn put(&mut self, lines: Vec<Line>) -> Vec<Vec<Line>> {
        self.bytes += size_of_val(&lines[..]);
        self.free.push_back(lines);
        let mut too_much = Vec::new();
        while self.free.len() > self.most || self.bytes > self.most_bytes {
            let Some(oldest) = self.free.pop_front() else {
                break;
            };
            self.bytes -= size_of_val(&oldest[..]);
            too_much.push(oldest);
        }
        too_much
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn memory_is_used_again_once_it_is_let_go() {
        let pool = Pool::new(4, 8 * MIB);
        let (first, second) = (pool.take(MIB), pool.take(MIB));
        assert_ne!(first.as_ptr(), second.as_ptr());
        let address = first.as_ptr();
        assert_eq!(pool.bytes(), 0);
        drop(first);
        assert_eq!(pool.bytes(), MIB);
        // A last, smaller batch fits; one of another size does not.
        assert_ne!(pool.take(2 * MIB).as_ptr(), address);
        assert_ne!(pool.take(MIB / 4).as_ptr(), address);
        let again = pool.take(MIB - 100);
        assert_eq!((again.as_ptr(), again.len()), (address, MIB - 100));
        assert_eq!(again.as_slice::<u8>().len(), MIB - 100);
    }

    #[test]
    fn what_lies_unused_is_bounded_in_pieces_and_bytes() {
        let pool = Pool::new(2, 8 * MIB);
        let taken: Vec<Buffer> = (0..5).map(|_| pool.take(MIB)).collect();
        drop(taken);
        assert_eq!(pool.bytes(), 2 * MIB);
        drop(pool.take(7 * MIB));
        assert_eq!(pool.bytes(), 8 * MIB);
        drop(pool.take(9 * MIB));
        assert_eq!(pool.bytes(), 0);
        drop(pool.take(1000));
        assert_eq!(pool.bytes(), 0);
    }

    #[test]
    fn a_pool_that_is_closed_or_gone_takes_nothing_back() {
        let pool = Pool::new(4, 8 * MIB);
        let (mut kept, other) = (pool.take(MIB), pool.take(MIB));
        drop(other);
        pool.close();
        assert_eq!(pool.bytes(), 0);
        drop(pool.take(MIB));
        assert_eq!(pool.bytes(), 0);
        drop(pool);
        kept.as_mut_slice::<u8>().fill(7);
        assert!(kept.as_slice::<u8>().iter().all(|byte| *byte == 7));
    }
}
