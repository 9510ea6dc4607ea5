use serde_json::{Map, Value};

use super::mix::MixSettings;
use crate::error::{DataError, Result};

/// A collator with its parameters.
#[derive(Debug, Clone)]
pub struct Collator {
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// `data`: one tensor an entry.
    Default,
    /// `data`: one tensor of all copies, copy by copy.
    Simclr,
    /// `data`: a list of one list of crops.
    Multicrop,
    /// As `Multicrop`, pairs of images mixed.
    MulticropMixup,
    /// `data` and `data_momentum`: the first and the second copy.
    Moco,
    /// `data`: B·T images of stacks of T.
    Siamese,
    /// `images` and `patches`.
    PatchAndImage,
    /// `label`: one value a class: 1 present, 0 absent, −1 unknown.
    OneHot(usize),
    CutMixup(MixSettings),
}

/// Names of the collators.
pub const NAMES: [&str; 9] = [
    "cutmixup_collator",
    "default_collate",
    "moco_collator",
    "multicrop_collator",
    "multicrop_mixup_collator",
    "patch_and_image_collator",
    "siamese_collator",
    "simclr_collator",
    "targets_one_hot_default_collator",
];

impl Collator {
    /// # Errors
    /// There is no collator of this name, or its parameters are wrong.
    pub fn new(name: &str, params: &Map<String, Value>) -> Result<Collator> {
        let kind = match name {
            "default_collate" => Kind::Default,
            "simclr_collator" => Kind::Simclr,
            "multicrop_collator" => Kind::Multicrop,
            "multicrop_mixup_collator" => Kind::MulticropMixup,
            "moco_collator" => Kind::Moco,
            "siamese_collator" => Kind::Siamese,
            "patch_and_image_collator" => Kind::PatchAndImage,
            "targets_one_hot_default_collator" => {
                let classes = params.get("num_classes").and_then(Value::as_u64).unwrap_or(0);
                if classes == 0 || classes > 1 << 20 {
                    return Err(
                        DataError::usage(format!("{name}: num_classes is not given or not above 0"))
                            .fix("set COLLATE_FUNCTION_PARAMS: {num_classes: …}"),
                    );
                }
                Kind::OneHot(classes as usize)
            }
            "cutmixup_collator" => Kind::CutMixup(MixSettings::read(params)?),
            _ => {
                return Err(DataError::usage(format!("there is no collator named {name:?}"))
                    .fix(format!("known: {}", NAMES.join(", "))));
            }
        };
        Ok(Collator { kind })
    }
}

impl Kind {
    /// The kind whose arrangement of images this one has.
    pub fn layout(&self) -> &Kind {
        match self {
            Kind::CutMixup(settings) => match settings.method.as_deref() {
                Some("simclr") => &Kind::Simclr,
                Some("moco") => &Kind::Moco,
                _ => &Kind::Default,
            },
            kind => kind,
        }
    }

    /// # Errors
    /// A sample of so many entries is not what the collator takes.
    pub fn check(&self, entries: usize) -> std::result::Result<(), String> {
        let wrong = match self.layout() {
            Kind::Moco if entries < 2 => Some("moco_collator takes two copies of an image"),
            Kind::PatchAndImage if entries < 2 => {
                Some("patch_and_image_collator takes an image and its patches")
            }
            Kind::OneHot(_) if entries != 1 => Some("targets_one_hot_default_collator takes one image"),
            _ => None,
        };
        match wrong {
            Some(wrong) => Err(format!("{wrong}, and the transforms make {entries} entries")),
            None => Ok(()),
        }
    }
}
