//! The handle table: a tensor is `generation * 2^32 + index`, so that a stale handle is told from a live one.

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::{Error, Result};

/// Mirrors `Slot` in `shim/dispatch.cpp`.
#[repr(C)]
pub struct Slot {
    tensor: *mut C_tensor,
    generation: u32,
    live: u32,
}

/// Generations stay below 2^20, so that every handle is an exact double.
const GENERATIONS: u32 = 1 << 20;

#[derive(Default)]
pub struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Table {
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub fn live(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn insert(&mut self, tensor: Tensor) -> f64 {
        let raw = std::mem::ManuallyDrop::new(tensor).as_ptr().cast_mut();
        self.insert_raw(raw)
    }

    /// Takes ownership of `tensor`.
    pub fn insert_raw(&mut self, tensor: *mut C_tensor) -> f64 {
        let index = match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index as usize];
                slot.tensor = tensor;
                slot.live = 1;
                index
            }
            None => {
                self.slots.push(Slot {
                    tensor,
                    generation: 1,
                    live: 1,
                });
                (self.slots.len() - 1) as u32
            }
        };
        f64::from(self.slots[index as usize].generation) * 4294967296.0 + f64::from(index)
    }

    fn index(&self, handle: f64) -> Result<usize> {
        let bits = handle as u64;
        let (index, generation) = ((bits & 0xffff_ffff) as usize, (bits >> 32) as u32);
        match self.slots.get(index) {
            Some(slot) if slot.live == 1 && slot.generation == generation => Ok(index),
            _ => Err(Error::freed()),
        }
    }

    pub fn raw(&self, handle: f64) -> Result<*mut C_tensor> {
        Ok(self.slots[self.index(handle)?].tensor)
    }

    /// Lends the tensor out as tch's type; the table keeps the ownership.
    pub fn with<T>(&self, handle: f64, f: impl FnOnce(&Tensor) -> T) -> Result<T> {
        let raw = self.raw(handle)?;
        // SAFETY: the slot is live, so `raw` is a tensor; ManuallyDrop leaves it to the table.
        let tensor = std::mem::ManuallyDrop::new(unsafe { Tensor::from_ptr(raw) });
        Ok(f(&tensor))
    }

    /// Another reference to the same tensor.
    pub fn share(&self, handle: f64) -> Result<Tensor> {
        self.with(handle, Tensor::shallow_clone)
    }

    /// Frees one tensor; false when it was freed before.
    pub fn free(&mut self, handle: f64) -> bool {
        let Ok(index) = self.index(handle) else {
            return false;
        };
        let slot = &mut self.slots[index];
        let raw = std::mem::replace(&mut slot.tensor, std::ptr::null_mut());
        slot.live = 0;
        slot.generation = if slot.generation + 1 >= GENERATIONS {
            1
        } else {
            slot.generation + 1
        };
        self.free.push(index as u32);
        // SAFETY: the slot owned `raw` and has just given it up.
        drop(unsafe { Tensor::from_ptr(raw) });
        true
    }

    pub fn tensors(&self) -> impl Iterator<Item = *mut C_tensor> + '_ {
        self.slots
            .iter()
            .filter(|slot| slot.live == 1)
            .map(|slot| slot.tensor)
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        for slot in &self.slots {
            if slot.live == 1 {
                // SAFETY: a live slot owns its tensor, and the table is gone after this.
                drop(unsafe { Tensor::from_ptr(slot.tensor) });
            }
        }
    }
}
