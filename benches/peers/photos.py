"""Cuts photographs into JPEG files of about 500×400 pixels, quality 90: photos.py SOURCE_FOLDER TARGET_FOLDER [COUNT]

The source may be any folder of large photographs; ours is what Debian's package plasma-workspace-wallpapers holds
(apt-get download plasma-workspace-wallpapers && dpkg-deb -x *.deb wallpapers).
"""
import random
import sys
from pathlib import Path

from PIL import Image

source, target = Path(sys.argv[1]), Path(sys.argv[2])
count = int(sys.argv[3]) if len(sys.argv) > 3 else 64
names = sorted(p for p in source.rglob('*') if p.suffix.lower() in ('.jpg', '.jpeg', '.png') and p.stat().st_size > 200_000)
if not names:
    sys.exit(f'{source}: holds no large photograph')
random.seed(0)
target.mkdir(parents=True, exist_ok=True)
for i in range(count):
    with Image.open(names[i % len(names)]) as image:
        image = image.convert('RGB')
        # A third to the whole of the width, then scaled, as a photograph of a data set would be.
        width, height = random.randint(440, 560), random.randint(350, 450)
        part = random.uniform(0.34, 1.0)
        w = min(image.width, int(image.height * part * width / height), int(image.width * part))
        h = min(image.height, int(w * height / width))
        left, top = random.randint(0, image.width - w), random.randint(0, image.height - h)
        image.crop((left, top, left + w, top + h)).resize((width, height), Image.LANCZOS).save(
            target / f'{i:04}.jpg', quality=90)
