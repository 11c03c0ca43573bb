//! What it costs to load a policy.

use config::policy_file;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::{fs, path::Path, time::Duration};

const HEAD: &str = "defaults: { mode: enforce }\ndomains:\n";

fn plain(count: u32) -> String {
    HEAD.to_owned() + &(0..count).map(|n| format!("  - d{n}.example.net\n")).collect::<String>()
}

fn with_settings(count: u32) -> String {
    let entry = |n| {
        let mode = ["monitor", "enforce", "off"][n as usize % 3];
        format!("  - domain: d{n}.example.net\n    mode: {mode}\n    require: rfc9325\n")
    };
    HEAD.to_owned() + &(0..count).map(entry).collect::<String>()
}

fn loading(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    let mut group = criterion.benchmark_group("policy");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for (what, count, text) in [
        ("10,000 names", 10_000, plain(10_000)),
        ("100,000 names", 100_000, plain(100_000)),
        ("10,000 entries with settings", 10_000, with_settings(10_000)),
    ] {
        fs::write(&path, text).unwrap();
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(what, |bencher| {
            bencher.iter_with_large_drop(|| load(&path, count));
        });
    }
    group.finish();
}

fn load(path: &Path, count: u32) -> policy_file::Loaded {
    let loaded = policy_file::load(path);
    assert_eq!(loaded.policy.as_ref().unwrap().domains.len(), count as usize);
    loaded
}

criterion_group!(benches, loading);
criterion_main!(benches);
