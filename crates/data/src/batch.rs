use crate::buffer::Buffer;
use crate::pool::Pool;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    Float32,
    Int64,
    Bool,
}

impl DType {
    pub fn name(self) -> &'static str {
        match self {
            DType::Float32 => "float32",
            DType::Int64 => "int64",
            DType::Bool => "bool",
        }
    }

    pub fn bytes(self) -> usize {
        match self {
            DType::Float32 => 4,
            DType::Int64 => 8,
            DType::Bool => 1,
        }
    }
}

/// One tensor of a batch. The shape is N×C×H×W for images whatever the memory order; `channels_last` tells that
/// the elements lie as N×H×W×C.
pub struct Tensor {
    pub name: String,
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub channels_last: bool,
    pub buffer: Buffer,
}

impl Tensor {
    pub fn new(name: String, dtype: DType, shape: Vec<usize>) -> Self {
        let elements: usize = shape.iter().product();
        Tensor {
            name,
            dtype,
            shape,
            channels_last: false,
            buffer: Buffer::new(elements * dtype.bytes()),
        }
    }

    /// On memory of a pool, whose contents are of no use: all of it must be written.
    pub fn of_pool(name: String, dtype: DType, shape: Vec<usize>, pool: &Pool) -> Self {
        let elements: usize = shape.iter().product();
        Tensor {
            name,
            dtype,
            shape,
            channels_last: false,
            buffer: pool.take(elements * dtype.bytes()),
        }
    }
}

/// What the loader hands out: `data.0`, `label.0`, `data_idx.0`, `data_valid.0`, `data.1`, …; the collator decides
/// which. A name is a key of the batch, the position in its list, and, of crops, the position in the list there.
/// `data_valid` is 1, or −1 where a gray image stands in for one that could not be decoded.
pub struct Batch {
    /// Number of the batch within its epoch.
    pub index: usize,
    /// Number of samples (before copies).
    pub size: usize,
    pub tensors: Vec<Tensor>,
}

impl Batch {
    pub fn bytes(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.buffer.len()).sum()
    }

    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }
}
