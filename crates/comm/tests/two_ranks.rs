//! Two ranks in two threads of one process, through a file store.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use vissl_comm::{Group, Place, Reducer, Reduction, Store};
use vissl_tensor::Session;

const FLOAT32: i32 = 6;

/// Runs `body(rank, group)` on `size` threads.
fn ranks<T: Send>(size: usize, body: impl Fn(usize, Group) -> T + Sync) -> Vec<T> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let file = std::env::temp_dir().join(format!(
        "vissl-comm-{}-{}",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    ));
    let path = file.to_str().unwrap();
    let results = std::thread::scope(|scope| {
        let (body, timeout) = (&body, Duration::from_secs(60));
        let threads: Vec<_> = (0..size)
            .map(|rank| {
                scope.spawn(move || {
                    let store = Store::open(Place::File { path }, size, timeout).unwrap();
                    let group = Group::join(&store, "world", rank, size, "127.0.0.1", timeout).unwrap();
                    body(rank, group)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let _ = std::fs::remove_file(&file);
    results
}

fn tensor(session: &mut Session, values: &[f32]) -> f64 {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    session
        .from_bytes(&bytes, &[values.len() as i64], FLOAT32)
        .unwrap()
}

fn values(session: &Session, handle: f64, count: usize) -> Vec<f32> {
    let mut bytes = vec![0; count * 4];
    session.copy_bytes(handle, &mut bytes).unwrap();
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_ne_bytes(four.try_into().unwrap()))
        .collect()
}

#[test]
fn collectives() {
    let results = ranks(3, |rank, group| {
        let mut session = Session::default();
        let own = [rank as f32, 10.0 * rank as f32];
        let sum = tensor(&mut session, &own);
        group.all_reduce(&session, sum, Reduction::Sum).unwrap();
        let mean = tensor(&mut session, &own);
        group.all_reduce(&session, mean, Reduction::Mean).unwrap();
        let sent = tensor(&mut session, &own);
        group.broadcast(&session, sent, 2).unwrap();
        let gathered = tensor(&mut session, &own);
        let gathered = group.gather(&mut session, gathered).unwrap();
        group.barrier().unwrap();
        [
            values(&session, sum, 2),
            values(&session, mean, 2),
            values(&session, sent, 2),
            values(&session, gathered, 6),
        ]
    });
    for result in results {
        assert_eq!(result[0], [3.0, 30.0]);
        assert_eq!(result[1], [1.0, 10.0]);
        assert_eq!(result[2], [2.0, 20.0]);
        assert_eq!(result[3], [0.0, 0.0, 1.0, 10.0, 2.0, 20.0]);
    }
}

#[test]
fn gradients_of_a_gather_are_summed_over_ranks() {
    // Rank r weighs the gathered pair (x0, x1) by (r + 1, 2(r + 1)): the gradients are the sums of the weights.
    let results = ranks(2, |rank, group| {
        let mut session = Session::default();
        let x = tensor(&mut session, &[1.0]);
        session.set_requires_grad(x, true).unwrap();
        let gathered = group.gather(&mut session, x).unwrap();
        let weight = (rank + 1) as f32;
        let seed = tensor(&mut session, &[weight, 2.0 * weight]);
        session.backward(gathered, Some(seed), false, false).unwrap();
        let grad = session.grad(x).unwrap().unwrap();
        values(&session, grad, 1)[0]
    });
    assert_eq!(results, [3.0, 6.0]);
}

#[test]
fn a_reducer_averages_gradients() {
    let results = ranks(2, |rank, group| {
        let mut session = Session::default();
        let x = tensor(&mut session, &[1.0, 2.0]);
        session.set_requires_grad(x, true).unwrap();
        let mut reducer = Reducer::new(&group, &session, &[x], 1 << 10, 1 << 20).unwrap();
        let mut seen = Vec::new();
        for step in 0..2 {
            session.set_grad(x, None).unwrap();
            reducer.prepare().unwrap();
            let operator = session.operator("aten::mul", "Tensor").unwrap();
            let mut out = [0.0; 4];
            session.call(operator, &[1.0, x, 1.0, x], &mut out).unwrap();
            let seed = (rank + step) as f32;
            let seed = tensor(&mut session, &[seed, seed]);
            session.backward(out[1], Some(seed), false, false).unwrap();
            let grad = session.grad(x).unwrap().unwrap();
            seen.push(values(&session, grad, 2));
        }
        seen
    });
    // d(x²)/dx = 2x, seeds rank + step: their mean over ranks is step + ½.
    for result in results {
        assert_eq!(result, [[1.0, 2.0], [3.0, 6.0]]);
    }
}

#[test]
fn a_rank_that_never_comes_is_an_error() {
    let file = std::env::temp_dir().join(format!("vissl-comm-alone-{}", std::process::id()));
    let timeout = Duration::from_millis(300);
    let place = Place::File {
        path: file.to_str().unwrap(),
    };
    let store = Store::open(place, 2, timeout).unwrap();
    let joined = Group::join(&store, "world", 0, 2, "127.0.0.1", timeout);
    assert!(joined.is_err());
    let _ = std::fs::remove_file(&file);
}
