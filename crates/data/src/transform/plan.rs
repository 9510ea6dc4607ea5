use std::sync::Arc;

use serde_json::Value;

use super::action::{self, Action};
use super::params::Params;
use super::step;
use crate::entry::{Entry, Sample};
use crate::error::{DataError, Result};
use crate::rng::{Place, Rng};

/// A transform list, checked and typed. It knows how many entries a sample has after every step and which of them
/// are pictures, tensors or patches, so a step that stands in the wrong place is found before the first image.
#[derive(Debug, Clone)]
pub struct Plan {
    steps: Vec<Planned>,
    outputs: usize,
    channels: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Position in the list; names the stream that the step draws from.
    pub index: usize,
    /// Positions in `data` that it works on.
    pub entries: Vec<usize>,
    /// Whether copies were made before it.
    pub copied: bool,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Picture,
    Tensor,
    Patches,
}

/// Runs the transforms that are written in another language.
pub trait Scripts: Send + Sync {
    /// # Errors
    /// The transform failed; the text says how.
    fn run(&self, script: usize, entry: Entry, place: Place) -> std::result::Result<Entry, String>;
}

/// Every name of a transform list. Names in `snake_case` are accepted too.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = step::names().chain(action::NAMES).collect();
    names.sort_unstable();
    names
}

fn unknown(index: usize, what: String) -> DataError {
    DataError::usage(format!("TRANSFORMS[{index}]: {what}")).fix(format!("names: {}", names().join(", ")))
}

impl Plan {
    /// `sources`: entries that a sample has at first; `channels`: of the tensors.
    ///
    /// # Errors
    /// An entry has an unknown name or parameter or a value of the wrong kind, or stands where it cannot: the
    /// message names index and transform, the fix lists the choices.
    pub fn compile(list: &[Value], sources: usize, channels: usize) -> Result<Plan> {
        if list.len() > 1023 {
            return Err(DataError::usage("TRANSFORMS: more than 1023 entries"));
        }
        let mut kinds = vec![Kind::Picture; sources];
        let mut steps = Vec::new();
        let mut copied = false;
        for (index, entry) in list.iter().enumerate() {
            let values = entry
                .as_object()
                .ok_or_else(|| unknown(index, format!("must be a mapping with a name, not {entry}")))?;
            let given = values
                .get("name")
                .and_then(Value::as_str)
                .ok_or_else(|| unknown(index, "has no name".to_owned()))?;
            let name = names()
                .into_iter()
                .find(|name| *name == given || *name == camel_case(given))
                .ok_or_else(|| unknown(index, format!("there is no transform named {given:?}")))?;
            let mut params = Params::new(index, name, values);
            let action = Action::read(name, &mut params, channels)?;
            let entries = read_indices(&params, values.get("indices"), kinds.len())?;
            kinds = follow(&action, &entries, &kinds, &params)?;
            params.finish()?;
            let copies = matches!(
                action,
                Action::Replicate(_) | Action::MultiCrop(_) | Action::ImageAndPatches { .. }
            );
            let planned = Planned {
                index,
                entries,
                copied,
                action,
            };
            copied |= copies;
            if !steps
                .last_mut()
                .is_some_and(|last: &mut Planned| last.absorb(&planned))
            {
                steps.push(planned);
            }
        }
        if kinds.contains(&Kind::Picture) {
            return Err(
                DataError::usage("TRANSFORMS: nothing turns the image into a tensor").fix("add ToTensor"),
            );
        }
        Ok(Plan {
            steps,
            outputs: kinds.len(),
            channels,
        })
    }

    /// How many entries of `data` come out.
    pub fn views(&self) -> usize {
        self.outputs
    }

    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Whether transforms of another language take part.
    pub fn has_scripts(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.action, Action::Script(_)))
    }

    /// Transforms a sample. `place` names seed, epoch and sample; draws follow from it alone.
    ///
    /// # Errors
    /// A step cannot work on an image of this size.
    pub fn run(
        &self,
        sample: &mut Sample,
        place: Place,
        scripts: Option<&dyn Scripts>,
    ) -> std::result::Result<(), String> {
        for planned in &self.steps {
            planned.apply(sample, place, scripts)?;
        }
        Ok(())
    }
}

impl Planned {
    /// Takes a normalisation that follows on the same tensors into the tables of this step.
    fn absorb(&mut self, next: &Planned) -> bool {
        match (&mut self.action, &next.action) {
            (Action::Tensor { tables, .. }, Action::Normalize { mean, std })
                if self.entries == next.entries =>
            {
                for (table, (mean, std)) in Arc::make_mut(tables).iter_mut().zip(mean.iter().zip(std)) {
                    table.iter_mut().for_each(|value| *value = (*value - mean) / std);
                }
                true
            }
            _ => false,
        }
    }

    /// The stream of an entry of `data`. Copies are numbered from 1, so that what comes before them has a stream of
    /// its own.
    pub fn stream(&self, place: Place, entry: usize) -> Rng {
        Rng::at(self.place(place, entry))
    }

    pub fn place(&self, place: Place, entry: usize) -> Place {
        Place {
            view: entry as u32 + u32::from(self.copied),
            step: self.index as u32,
            ..place
        }
    }
}

fn read_indices(params: &Params<'_>, indices: Option<&Value>, count: usize) -> Result<Vec<usize>> {
    let all = || Ok((0..count).collect());
    let Some(value) = indices.filter(|value| !value.is_null()) else {
        return all();
    };
    let list = value.as_array().map(Vec::as_slice);
    if list.is_some_and(<[Value]>::is_empty) {
        return all();
    }
    let entries: Option<Vec<usize>> = list.and_then(|list| {
        let entry = |value: &Value| value.as_u64().map(|at| at as usize).filter(|at| *at < count);
        list.iter().map(entry).collect()
    });
    entries.ok_or_else(|| {
        params.error(format!(
            "indices must be a list of positions below {count}, not {value}"
        ))
    })
}

/// What the entries are after an action; an error when one of them is not what it works on.
fn follow(action: &Action, entries: &[usize], kinds: &[Kind], params: &Params<'_>) -> Result<Vec<Kind>> {
    let mut kinds = kinds.to_vec();
    let found = |kind: Kind| entries.iter().any(|at| kinds[*at] == kind);
    let refuse = |what: &str, fix: &str| Err(params.error(what).fix(fix));
    let (to, copies) = match action {
        Action::Script(_) | Action::OneHot(_) => return Ok(kinds),
        Action::Group(probabilities, _) if probabilities.len() != kinds.len() => {
            return Err(params.error(format!(
                "prob has {} values for {} crops",
                probabilities.len(),
                kinds.len()
            )));
        }
        Action::Group(..) if kinds.iter().any(|kind| *kind != Kind::Picture) => {
            return refuse(
                "works on images and stands after the step that makes a tensor",
                "move it before ToTensor",
            );
        }
        Action::Group(..) => return Ok(kinds),
        Action::Tensor { .. } if found(Kind::Tensor) || found(Kind::Patches) => {
            return Err(params.error("the image is a tensor already"));
        }
        Action::Tensor { .. } => (Kind::Tensor, 1),
        Action::Normalize { .. } | Action::Erase(_) => {
            if found(Kind::Picture) {
                return refuse("works on tensors", "put ToTensor before it");
            }
            return Ok(kinds);
        }
        Action::Cut(_) => {
            if found(Kind::Picture) || found(Kind::Patches) {
                return refuse("works on tensors", "put ToTensor before it");
            }
            (Kind::Patches, 1)
        }
        Action::Shuffle(_) => {
            if found(Kind::Picture) || found(Kind::Tensor) {
                return refuse("works on patches", "put ImgPatchesFromTensor before it");
            }
            return Ok(kinds);
        }
        _ if found(Kind::Tensor) || found(Kind::Patches) => {
            return refuse(
                "works on images and stands after the step that makes a tensor",
                "move it before ToTensor",
            );
        }
        Action::Step(_) | Action::Rotate(_) => (Kind::Picture, 1),
        Action::Replicate(times) => (Kind::Picture, *times),
        Action::MultiCrop(crops) => (Kind::Picture, crops.len()),
        Action::ImageAndPatches { grid, .. } => (Kind::Picture, grid.side * grid.side + 1),
    };
    if copies == 1 {
        entries.iter().for_each(|at| kinds[*at] = to);
        return Ok(kinds);
    }
    let kinds: Vec<Kind> = (0..kinds.len())
        .flat_map(|at| {
            let count = if entries.contains(&at) { copies } else { 1 };
            std::iter::repeat_n(kinds[at], count)
        })
        .collect();
    if kinds.len() > 512 {
        return Err(params.error(format!("makes {} copies, more than 512", kinds.len())));
    }
    Ok(kinds)
}

pub(super) fn camel_case(name: &str) -> String {
    let capital = |part: &str| {
        part.chars()
            .next()
            .map(|first| first.to_uppercase().to_string() + &part[first.len_utf8()..])
    };
    name.split('_').filter_map(capital).collect()
}

/// A picture of an entry, for the steps that work on one; [`Plan::compile`] has seen to it that it is one.
pub(super) fn picture(entry: &mut Entry) -> std::result::Result<&mut Arc<crate::image::Image>, String> {
    match entry {
        Entry::Picture(image) => Ok(image),
        _ => Err("a transform of images met a tensor".to_owned()),
    }
}
