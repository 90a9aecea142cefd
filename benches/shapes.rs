//! How long the hashes of Python source take, beside the floor: hashing the same bytes.
#![allow(missing_docs, reason = "a bench is no library")]

use divan::Bencher;
use divan::counter::BytesCount;
use titer::formats::python_source;
use titer::model::digest::Digest;

fn main() {
    divan::main();
}

/// A module of `functions` functions such as people write them: classes, docstrings, branches, comprehensions, f-strings.
fn module(functions: usize) -> String {
    let head =
        "\"\"\"A module.\"\"\"\nimport os\nfrom typing import Any\n\nLIMIT = int(os.environ.get('LIMIT', '10'))\n"
            .to_owned();
    let mut parts = vec![head];
    for number in 0..functions {
        if number % 8 == 0 {
            parts.push(format!(
                "\n\nclass Store{number}(Base):\n    \"\"\"Keeps things.\"\"\"\n\n    size: int = {number}\n"
            ));
        }
        parts.push(format!(
            "
    @property
    def method_{number}(self, key: str, *others: Any, default: int = {number}) -> dict[str, list[int]]:
        \"\"\"What is kept under a key.\"\"\"
        found = {{name: [value * 2 for value in values if value > {number}] for name, values in self.items()}}
        if not found and key.startswith('prefix-{number}'):
            raise KeyError(f'{{key!r}} is not there, only {{len(found):>4}}')  # never
        for index, other in enumerate(others):
            try:
                found[other] = sorted(self.load(other, retries=3), key=lambda item: item.rank)[:LIMIT]
            except (OSError, ValueError) as error:
                self.log.warning('no %s at %d: %s', other, index, error)
        return found or {{'': [default]}}
"
        ));
    }
    parts.concat()
}

const SIZES: &[usize] = &[8, 64, 512];

#[divan::bench(args = SIZES)]
fn shape(bencher: Bencher<'_, '_>, functions: usize) {
    let text = module(functions);
    assert!(python_source::shape(text.as_bytes()).parsed);
    bencher.counter(BytesCount::of_str(&text)).bench(|| python_source::shape(divan::black_box(text.as_bytes())));
}

#[divan::bench(args = SIZES)]
fn floor_reading_and_hashing_the_bytes(bencher: Bencher<'_, '_>, functions: usize) {
    let text = module(functions);
    let file = tempfile::NamedTempFile::new().and_then(|mut file| {
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(file)
    });
    let Ok(file) = file else { return };
    let read = || std::fs::read(file.path()).map(|bytes| Digest::of(&bytes));
    bencher.counter(BytesCount::of_str(&text)).bench(read);
}
