"""Event files as PyTorch's SummaryWriter writes them. Made with torch 2.13.0, tensorboard 2.21.0, numpy 2.4, Pillow 13.

    python make.py          writes events.json here
    python make.py FOLDER   reads a folder of event files and prints every tag with its steps
"""
import glob, json, os, sys, tempfile
import numpy as np


def make():
    from torch.utils.tensorboard import SummaryWriter

    cases = {"scalars": [], "histograms": [], "image": {}}
    rng = np.random.RandomState(0)
    with tempfile.TemporaryDirectory() as folder:
        writer = SummaryWriter(folder)
        for step, value in enumerate([0.0, 1.5, -3.25e-7, float("nan"), 1e30]):
            writer.add_scalar("Training/Loss", value, step * 7, walltime=1600000000.25)
            cases["scalars"].append([repr(value), step * 7])
        # Multiples of powers of two, so that sums are exact in whatever order.
        grid = lambda x: np.round(x * 1024) / 1024
        for values in [
            grid(rng.randn(200)),
            np.zeros(5),
            np.array([1.0]),
            -np.abs(grid(rng.randn(7))) * 2.0**-46,
            np.array([2.0**-15, 2.0, 2.0, -7.5, 2.0**40]),
            grid(rng.rand(40)) * 2.0**-40,
        ]:
            values = values.astype(np.float32)
            writer.add_histogram("Parameters/w", values, 300, walltime=1600000000.25)
            cases["histograms"].append([float(v) for v in values])
        pixels = (np.arange(4 * 6 * 3).reshape(4, 6, 3) * 3 % 256).astype(np.uint8)
        writer.add_image("views", pixels, 2, walltime=1600000000.25, dataformats="HWC")
        cases["image"] = {"height": 4, "width": 6, "pixels": pixels.reshape(-1).tolist()}
        writer.close()
        (path,) = glob.glob(folder + "/events*")
        cases["events"] = open(path, "rb").read().hex()
    here = os.path.dirname(os.path.abspath(__file__))
    json.dump(cases, open(os.path.join(here, "events.json"), "w"))


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(folder, size_guidance={k: 0 for k in ("scalars", "histograms", "images")})
    events.Reload()
    tags = events.Tags()
    for tag in tags["scalars"]:
        print("scalar", tag, [(e.step, e.value) for e in events.Scalars(tag)][:5])
    for tag in tags["histograms"]:
        print("histogram", tag, [(e.step, e.histogram_value.num) for e in events.Histograms(tag)][:3])
    for tag in tags["images"]:
        import io
        from PIL import Image

        shown = events.Images(tag)
        for image in shown:
            size = Image.open(io.BytesIO(image.encoded_image_string)).size
            assert size == (image.width, image.height)
        print("image", tag, [(e.step, e.width, e.height) for e in shown][:3])


if __name__ == "__main__":
    make() if len(sys.argv) == 1 else read(sys.argv[1])
