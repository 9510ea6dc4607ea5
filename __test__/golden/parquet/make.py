"""Makes the Parquet lists of this folder (pyarrow 26.0.1): python make.py. Every readable one holds the same six rows."""
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

here = Path(__file__).parent
paths = [f'images/{name}.png' for name in ('a', 'b', 'c', 'ä', 'e f', 'g')]
numbers = [3, 0, 1, 0, 2, 3]
names = ['dog', 'ant', 'bee', 'ant', 'cat', 'dog']


def write(name, columns, **options):
    pq.write_table(pa.table(columns), here / f'{name}.parquet', **options)


for codec in ('none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4'):
    write(codec, {'path': paths, 'label': pa.array(numbers, pa.int64())}, compression=codec)
write('names', {'extra': [0.5] * 6, 'class': names, 'FILE': paths}, row_group_size=2)
write('int8', {'image': paths, 'target': pa.array(numbers, pa.int8())}, data_page_version='2.0')
write('floats', {'path': paths, 'label': [float(n) for n in numbers]}, use_dictionary=False)
write('large-string', {'path': pa.array(paths, pa.large_string()), 'label': pa.array(names).dictionary_encode()})
write('unlabelled', {'path': paths})
write('nan', {'path': paths, 'label': [3.0, float('nan'), 1.0, 0.0, 2.0, 3.0]})
write('null-label', {'path': paths, 'label': pa.array([3, 0, None, 0, 2, 3])})
write('null-path', {'path': paths[:5] + [None], 'label': numbers})
write('no-path', {'url': paths, 'label': numbers})
write('number-path', {'path': numbers, 'label': numbers})
write('record-image', {'image': [{'bytes': b'x', 'path': p} for p in paths], 'label': numbers})
write('list-label', {'path': paths, 'label': [[n] for n in numbers]})
write('empty', {'path': pa.array([], pa.string()), 'label': pa.array([], pa.int64())})
