use serde_json::{Map, Value};

use crate::error::{DataError, Result};

/// Reads the parameters of one entry of the transform list; every complaint names the entry.
pub struct Params<'a> {
    index: usize,
    name: &'a str,
    values: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Params<'a> {
    pub fn new(index: usize, name: &'a str, values: &'a Map<String, Value>) -> Self {
        Params {
            index,
            name,
            values,
            known: Vec::new(),
        }
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

    /// The interpolation parameter: only bilinear is known.
    pub fn bilinear(&mut self) -> Result<()> {
        match self.get("interpolation") {
            None => Ok(()),
            Some(value)
                if value.as_u64() == Some(2)
                    || value
                        .as_str()
                        .is_some_and(|name| name.eq_ignore_ascii_case("bilinear")) =>
            {
                Ok(())
            }
            Some(value) => Err(self.wrong("interpolation", "bilinear", value)),
        }
    }

    /// The padding mode: only constant is known.
    pub fn constant_padding(&mut self) -> Result<()> {
        match self.get("padding_mode") {
            None => Ok(()),
            Some(value) if value.as_str() == Some("constant") => Ok(()),
            Some(value) => Err(self.wrong("padding_mode", "constant", value)),
        }
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
            .find(|key| *key != "name" && !self.known.contains(&key.as_str()))
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
