//! Any history of commits, erasures and restarts leaves the embedded store as it leaves the store in memory.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// To a stream, at its version or beside it, so many facts, perhaps with a content.
    Append {
        stream: u64,
        beside: u64,
        facts: u64,
        content: Option<u64>,
    },
    /// To two streams at once.
    AppendTwo {
        one: u64,
        two: u64,
    },
    Erase(u64),
    Reopen,
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..6_u64, prop_oneof![8 => Just(0_u64), 1 => 1..3_u64], 1..9_u64, proptest::option::of(0..40_u64))
            .prop_map(|(stream, beside, facts, content)| Step::Append { stream, beside, facts, content }),
        3 => (0..3_u64, 3..6_u64).prop_map(|(one, two)| Step::AppendTwo { one, two }),
        2 => (0..40_u64).prop_map(Step::Erase),
        1 => Just(Step::Reopen),
        1 => Just(Step::Settle),
    ]
}

async fn version(store: &memory::Store, of: u64) -> u64 {
    store.read_stream(stream(of), 0).await.expect("memory reads").len() as u64
}

async fn same(model: &memory::Store, store: &Store) {
    let start = Position { partition: 0, sequence: 0 };
    let expected = model.read_all(start, usize::MAX).await.expect("memory reads");
    let found = store.read_all(start, usize::MAX).await.expect("it reads");
    let plain = |facts: &[Fact]| -> Vec<_> {
        facts.iter().map(|fact| (fact.position, fact.stream, fact.version, fact.body.clone())).collect()
    };
    assert_eq!(plain(&found), plain(&expected));
    assert_eq!(store.head(), model.head());
    for n in 0..6 {
        for after in [0, 5] {
            let found = store.read_stream(stream(n), after).await.expect("it reads");
            assert_eq!(plain(&found), plain(&model.read_stream(stream(n), after).await.expect("memory reads")));
        }
    }
    for n in 0..40 {
        assert_eq!(store.read_content(ContentId(n)).await, model.read_content(ContentId(n)).await, "content {n}");
    }
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().expect("a directory");
    let model = memory::Store::default();
    let mut store = open(dir.path()).0;
    let mut number = 0;
    for step in steps {
        let commit = match step {
            Step::Append { stream: of, beside, facts, content: with } => {
                let expected = version(&model, of).await + beside;
                number += facts;
                let mut commit = commit(vec![write(stream(of), expected, number..number + facts)]);
                commit.contents = with.map(|n| content(n, 300)).into_iter().collect();
                commit
            }
            Step::AppendTwo { one, two } => {
                number += 3;
                let first = write(stream(one), version(&model, one).await, number..number + 1);
                commit(vec![first, write(stream(two), version(&model, two).await, number + 1..number + 3)])
            }
            Step::Erase(n) => {
                model.erase(vec![ContentId(n)]).await.expect("memory erases");
                store.erase(vec![ContentId(n)]).await.expect("it erases");
                continue;
            }
            Step::Reopen => {
                drop(store);
                let (opened, report) = open(dir.path());
                assert_eq!(report.torn, []);
                store = opened;
                continue;
            }
            Step::Settle => {
                store.settle();
                continue;
            }
        };
        let expected = model.append(commit.clone()).await.map(|answer| (answer.last, answer.versions));
        let found = store.append(commit).await.map(|answer| (answer.last, answer.versions));
        assert_eq!(found, expected);
    }
    same(&model, &store).await;
    drop(store);
    same(&model, &open(dir.path()).0).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_store_equals_the_model(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(run(steps));
    }
}
