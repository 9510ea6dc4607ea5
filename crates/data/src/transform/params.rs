use serde_json::{Map, Value};

use crate::error::{DataError, Result};

/// Reads the parameters of one entry of the transform list; every complaint names the entry.
pub struct Params<'a> {
    index: usize,
    depth: usize,
    name: &'a str,
    values: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Params<'a> {
    pub fn new(index: usize, name: &'a str, values: &'a Map<String, Value>) -> Self {
        Params {
            index,
            depth: 0,
            name,
            values,
            known: Vec::new(),
        }
    }

    /// The parameters of an entry of this one's own list.
    pub fn nested<'b>(&self, name: &'b str, values: &'b Map<String, Value>) -> Params<'b> {
        Params {
            depth: self.depth + 1,
            ..Params::new(self.index, name, values)
        }
    }

    /// How deep in lists of lists the entry stands.
    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn error(&self, what: impl std::fmt::Display) -> DataError {
        DataError::usage(format!("TRANSFORMS[{}] {}: {what}", self.index, self.name))
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, expected: &str, found: &Value) -> DataError {
        self.error(format!("{key} must be {expected}, not {found}"))
    }

    pub fn number(&mut self, key: &'static str, default: f64) -> Result<f64> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| self.wrong(key, "a number", value)),
        }
    }

    pub fn probability(&mut self, key: &'static str, default: f64) -> Result<f64> {
        let p = self.number(key, default)?;
        if (0.0..=1.0).contains(&p) {
            Ok(p)
        } else {
            Err(self.error(format!("{key} must be in 0..1, not {p}")))
        }
    }

    pub fn count(&mut self, key: &'static str, default: usize) -> Result<usize> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => match value.as_u64() {
                Some(count) if count > 0 && count <= 512 => Ok(count as usize),
                _ => Err(self.wrong(key, "a whole number from 1 to 512", value)),
            },
        }
    }

    pub fn flag(&mut self, key: &'static str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong(key, "true or false", value)),
        }
    }

    pub fn numbers(&mut self, key: &'static str) -> Result<Option<Vec<f64>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let numbers = value
            .as_array()
            .and_then(|list| list.iter().map(Value::as_f64).collect());
        numbers
            .map(Some)
            .ok_or_else(|| self.wrong(key, "a list of numbers", value))
    }

    /// A pair of numbers, the first not above the second.
    pub fn range(&mut self, key: &'static str, default: (f64, f64)) -> Result<(f64, f64)> {
        match self.numbers(key)?.as_deref() {
            None => Ok(default),
            Some([low, high]) if low <= high && *low > 0.0 => Ok((*low, *high)),
            Some(_) => Err(self.error(format!("{key} must be two positive numbers in rising order"))),
        }
    }

    /// `size`: one side, or `[height, width]`. A list of one counts as one side.
    pub fn size(&mut self) -> Result<Size> {
        let key = "size";
        let Some(value) = self.get(key) else {
            return Err(self.error("size is missing"));
        };
        let side = |value: &Value| {
            let number = value
                .as_f64()
                .filter(|side| side.fract() == 0.0 && (1.0..=16_384.0).contains(side));
            number.map(|side| side as usize)
        };
        let size = match value.as_array().map(Vec::as_slice) {
            Some([one]) => side(one).map(Size::Side),
            Some([height, width]) => side(height)
                .zip(side(width))
                .map(|(height, width)| Size::Exact { height, width }),
            Some(_) => None,
            None => side(value).map(Size::Side),
        };
        size.ok_or_else(|| self.wrong(key, "a whole number from 1 to 16384 or [height, width]", value))
    }

    /// A jitter strength x (factors from max(0, center − x) to center + x) or the `[low, high]` itself;
    /// `None` when it changes nothing.
    pub fn jitter(
        &mut self,
        key: &'static str,
        center: f64,
        bound: (f64, f64),
    ) -> Result<Option<(f64, f64)>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let pair = match (value.as_f64(), value.as_array().map(Vec::as_slice)) {
            (Some(strength), _) if strength >= 0.0 => {
                let low = center - strength;
                Some((if center == 1.0 { low.max(0.0) } else { low }, center + strength))
            }
            (None, Some([low, high])) => low.as_f64().zip(high.as_f64()),
            _ => None,
        };
        match pair {
            Some((low, high)) if bound.0 <= low && low <= high && high <= bound.1 => {
                Ok((low != center || high != center).then_some((low, high)))
            }
            _ => {
                let expected = format!(
                    "a number of at least 0, or two numbers in {}..{}",
                    bound.0, bound.1
                );
                Err(self.wrong(key, &expected, value))
            }
        }
    }

    /// `interpolation` (or Pillow's older `resample`): torchvision's names or Pillow's numbers.
    pub fn filter(&mut self, key: &'static str, default: Filter) -> Result<Filter> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        let name = value.as_str().map(str::to_ascii_lowercase);
        let name = name
            .as_deref()
            .map(|name| name.rsplit('.').next().unwrap_or(name));
        match (value.as_u64(), name) {
            (Some(0), _) | (_, Some("nearest")) => Ok(Filter::Nearest),
            (Some(2), _) | (_, Some("bilinear")) => Ok(Filter::Bilinear),
            (Some(3), _) | (_, Some("bicubic")) => Ok(Filter::Bicubic),
            _ => Err(self.wrong(key, "nearest, bilinear or bicubic", value)),
        }
    }

    /// `padding_mode`: constant, edge, reflect or symmetric.
    pub fn padding_mode(&mut self) -> Result<PaddingMode> {
        let Some(value) = self.get("padding_mode") else {
            return Ok(PaddingMode::Constant);
        };
        match value.as_str() {
            Some("constant") => Ok(PaddingMode::Constant),
            Some("edge") => Ok(PaddingMode::Edge),
            Some("reflect") => Ok(PaddingMode::Reflect),
            Some("symmetric") => Ok(PaddingMode::Symmetric),
            _ => Err(self.wrong("padding_mode", "constant, edge, reflect or symmetric", value)),
        }
    }

    /// `padding`: one number, `[x, y]`, or `[left, top, right, bottom]`.
    pub fn padding(&mut self, default: usize) -> Result<[usize; 4]> {
        let Some(value) = self.get("padding") else {
            return Ok([default; 4]);
        };
        let side = |value: &Value| {
            value
                .as_u64()
                .filter(|side| *side <= 4096)
                .map(|side| side as usize)
        };
        let sides: Option<Vec<usize>> = match value.as_array() {
            Some(list) => list.iter().map(side).collect(),
            None => side(value).map(|side| vec![side]),
        };
        match sides.as_deref() {
            Some([all]) => Ok([*all; 4]),
            Some([x, y]) => Ok([*x, *y, *x, *y]),
            Some([left, top, right, bottom]) => Ok([*left, *top, *right, *bottom]),
            _ => Err(self.wrong("padding", "1, 2 or 4 whole numbers from 0 to 4096", value)),
        }
    }

    /// An 8-bit value a channel: one number for all, or one a channel.
    pub fn fill(&mut self, default: [u8; 3]) -> Result<[u8; 3]> {
        let Some(value) = self.get("fill") else {
            return Ok(default);
        };
        let byte = |value: &Value| {
            value
                .as_f64()
                .filter(|v| (0.0..=255.0).contains(v))
                .map(|v| v as u8)
        };
        let fill = match value.as_array().map(Vec::as_slice) {
            Some([r, g, b]) => byte(r).zip(byte(g)).zip(byte(b)).map(|((r, g), b)| [r, g, b]),
            Some([one]) => byte(one).map(|v| [v; 3]),
            Some(_) => None,
            None => byte(value).map(|v| [v; 3]),
        };
        fill.ok_or_else(|| self.wrong("fill", "1 or 3 numbers in 0..255", value))
    }

    /// A whole number within `low..=high`; `None` when it is not given.
    pub fn integer(&mut self, key: &'static str, low: i64, high: i64) -> Result<Option<i64>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.as_i64() {
            Some(number) if (low..=high).contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(key, &format!("a whole number from {low} to {high}"), value)),
        }
    }

    pub fn text(&mut self, key: &'static str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .map(Some)
                .ok_or_else(|| self.wrong(key, "a text", value)),
        }
    }

    /// A list of anything.
    pub fn list(&mut self, key: &'static str) -> Result<Option<&'a [Value]>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_array()
                .map(|list| Some(list.as_slice()))
                .ok_or_else(|| self.wrong(key, "a list", value)),
        }
    }

    /// A degree range: one number x means (−x, x).
    pub fn degrees(&mut self, key: &'static str) -> Result<Option<(f64, f64)>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let pair = match (value.as_f64(), value.as_array().map(Vec::as_slice)) {
            (Some(x), _) if x >= 0.0 => Some((-x, x)),
            (None, Some([low, high])) => low.as_f64().zip(high.as_f64()).filter(|(a, b)| a <= b),
            _ => None,
        };
        pair.map(Some)
            .ok_or_else(|| self.wrong(key, "a number of at least 0 or two rising numbers", value))
    }

    /// A parameter that is accepted and means nothing here.
    pub fn ignore(&mut self, key: &'static str) {
        self.known.push(key);
    }

    /// # Errors
    /// A parameter that nothing asked for.
    pub fn finish(self) -> Result<()> {
        match self
            .values
            .keys()
            .find(|key| *key != "name" && *key != "indices" && !self.known.contains(&key.as_str()))
        {
            None => Ok(()),
            Some(key) => {
                let choices = if self.known.is_empty() {
                    "it has none".to_owned()
                } else {
                    self.known.join(", ")
                };
                Err(self
                    .error(format!("unknown parameter {key:?}"))
                    .fix(format!("parameters: {choices}")))
            }
        }
    }
}

/// How values between pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    Nearest,
    Bilinear,
    Bicubic,
}

/// What lies outside of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaddingMode {
    Constant,
    /// The outermost pixel, again and again.
    Edge,
    /// Mirrored, the outermost pixel once.
    Reflect,
    /// Mirrored, the outermost pixel twice.
    Symmetric,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Side(usize),
    Exact { height: usize, width: usize },
}

impl Size {
    /// Height and width; one side means a square.
    pub fn square(self) -> (usize, usize) {
        match self {
            Size::Side(side) => (side, side),
            Size::Exact { height, width } => (height, width),
        }
    }
}
