//! Transforms and sources that another language runs: jobs wait in a queue, whoever takes one answers it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use crate::decode::DecodeError;
use crate::entry::Entry;
use crate::error::{DataError, Result};
use crate::rng::{Place, Rng};
use crate::source::{Raw, Source};
use crate::transform::Scripts;

/// What is to be done.
pub enum Work {
    /// Apply transform `script`; the generator's seed follows from sample, view and position alone.
    Transform {
        script: usize,
        entry: Entry,
        seed: [u32; 4],
    },
    /// Give the image of a sample of source `script`.
    Load { script: usize, index: usize },
}

pub struct Job {
    pub id: u64,
    pub work: Work,
}

/// What came of a job.
pub enum Answer {
    Entry(Entry),
    /// The bytes of an image file.
    File(Vec<u8>),
    Failed(String),
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    answers: BTreeMap<u64, Answer>,
    closed: bool,
    next: u64,
}

/// Jobs of one loader.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    /// A job came, or the queue was closed.
    posted: Condvar,
    /// An answer came, or the queue was closed.
    answered: Condvar,
}

static QUEUES: LazyLock<Mutex<HashMap<u64, Arc<Queue>>>> = LazyLock::new(Mutex::default);
static NEXT: AtomicU64 = AtomicU64::new(1);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a queue and gives its number.
pub fn create() -> u64 {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    lock(&QUEUES).insert(number, Arc::default());
    number
}

pub fn find(number: u64) -> Option<Arc<Queue>> {
    lock(&QUEUES).get(&number).cloned()
}

/// Closes a queue: who waits for a job or an answer gets none.
pub fn close(number: u64) {
    if let Some(queue) = lock(&QUEUES).remove(&number) {
        lock(&queue.state).closed = true;
        queue.posted.notify_all();
        queue.answered.notify_all();
    }
}

impl Queue {
    /// The next job, waiting for up to `patience`; the flag says whether the queue is closed.
    pub fn take(&self, patience: Duration) -> (Option<Job>, bool) {
        let state = lock(&self.state);
        let (mut state, _) = self
            .posted
            .wait_timeout_while(state, patience, |state| state.waiting.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        (state.waiting.pop_front(), state.closed)
    }

    pub fn answer(&self, id: u64, answer: Answer) {
        lock(&self.state).answers.insert(id, answer);
        self.answered.notify_all();
    }

    fn ask(&self, work: Work) -> std::result::Result<Answer, String> {
        let mut state = lock(&self.state);
        let id = state.next;
        state.next += 1;
        state.waiting.push_back(Job { id, work });
        self.posted.notify_one();
        loop {
            if let Some(answer) = state.answers.remove(&id) {
                return Ok(answer);
            }
            if state.closed {
                return Err("the workers that run TypeScript have ended".to_owned());
            }
            state = self.answered.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Scripts for Queue {
    fn run(&self, script: usize, entry: Entry, place: Place) -> std::result::Result<Entry, String> {
        let mut rng = Rng::at(place);
        let seed = std::array::from_fn(|_| rng.next_u32());
        match self.ask(Work::Transform { script, entry, seed })? {
            Answer::Entry(entry) => Ok(entry),
            Answer::Failed(why) => Err(why),
            Answer::File(_) => Err("a transform answered with a file".to_owned()),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptSourceOptions {
    pub queue: u64,
    pub script: usize,
    pub name: String,
    pub len: usize,
    #[serde(default)]
    pub labels: Option<Vec<i64>>,
    #[serde(default)]
    pub classes: Vec<String>,
}

/// A source whose images another language gives.
pub struct ScriptSource {
    options: ScriptSourceOptions,
    queue: Arc<Queue>,
}

impl ScriptSource {
    /// # Errors
    /// The source is empty, or its labels are not one an image.
    pub fn new(options: &ScriptSourceOptions) -> Result<Self> {
        let name = &options.name;
        if options.len == 0 {
            return Err(DataError::data(format!("data source {name}: holds no image")));
        }
        if options
            .labels
            .as_ref()
            .is_some_and(|labels| labels.len() != options.len)
        {
            return Err(DataError::data(format!(
                "data source {name}: does not give one label an image"
            )));
        }
        let queue = find(options.queue).ok_or_else(|| DataError::internal("there is no such job queue"))?;
        Ok(ScriptSource {
            options: options.clone(),
            queue,
        })
    }
}

impl Source for ScriptSource {
    fn len(&self) -> usize {
        self.options.len
    }

    fn label(&self, index: usize) -> Option<i64> {
        self.options.labels.as_ref().map(|labels| labels[index])
    }

    fn classes(&self) -> &[String] {
        &self.options.classes
    }

    fn name(&self, index: usize) -> String {
        format!("{}[{index}]", self.options.name)
    }

    fn load(&self, index: usize) -> std::result::Result<Raw, DecodeError> {
        let work = Work::Load {
            script: self.options.script,
            index,
        };
        match self.queue.ask(work).map_err(DecodeError::Unreadable)? {
            Answer::File(bytes) => Ok(Raw::Encoded(bytes)),
            Answer::Entry(Entry::Picture(image)) => Ok(Raw::Decoded(
                Arc::try_unwrap(image).unwrap_or_else(|shared| (*shared).clone()),
            )),
            Answer::Entry(_) => Err(DecodeError::Unreadable("the source gave a tensor".to_owned())),
            Answer::Failed(why) => Err(DecodeError::Unreadable(why)),
        }
    }
}
