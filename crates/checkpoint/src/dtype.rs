/// One element type: its name in our API, the storage class that `torch.save` names (none for types that
/// are stored untyped and rebuilt by `_rebuild_tensor_v3`), and the size of an element in bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct DType {
    pub name: &'static str,
    pub storage: Option<&'static str>,
    pub size: usize,
}

macro_rules! dtypes {
    ($($name:literal $storage:expr, $size:literal;)*) => {
        pub static DTYPES: &[DType] = &[$(DType { name: $name, storage: $storage, size: $size }),*];
    };
}

dtypes! {
    "float32" Some("FloatStorage"), 4;
    "float64" Some("DoubleStorage"), 8;
    "float16" Some("HalfStorage"), 2;
    "bfloat16" Some("BFloat16Storage"), 2;
    "int64" Some("LongStorage"), 8;
    "int32" Some("IntStorage"), 4;
    "int16" Some("ShortStorage"), 2;
    "int8" Some("CharStorage"), 1;
    "uint8" Some("ByteStorage"), 1;
    "bool" Some("BoolStorage"), 1;
    "complex64" Some("ComplexFloatStorage"), 8;
    "complex128" Some("ComplexDoubleStorage"), 16;
    "qint8" Some("QInt8Storage"), 1;
    "quint8" Some("QUInt8Storage"), 1;
    "qint32" Some("QInt32Storage"), 4;
    "quint4x2" Some("QUInt4x2Storage"), 1;
    "quint2x4" Some("QUInt2x4Storage"), 1;
    "uint16" None, 2;
    "uint32" None, 4;
    "uint64" None, 8;
    "complex32" None, 4;
    "float8_e4m3fn" None, 1;
    "float8_e5m2" None, 1;
    "float8_e4m3fnuz" None, 1;
    "float8_e5m2fnuz" None, 1;
    "float8_e8m0fnu" None, 1;
}

pub fn by_name(name: &str) -> Option<&'static DType> {
    DTYPES.iter().find(|dtype| dtype.name == name)
}

/// `FloatStorage` → `float32`.
pub fn by_storage(class: &str) -> Option<&'static DType> {
    DTYPES.iter().find(|dtype| dtype.storage == Some(class))
}
