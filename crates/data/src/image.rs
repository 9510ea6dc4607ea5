/// 8-bit pixels, interleaved, row by row. One channel is gray, three are RGB.
///
/// A gray image stays one channel through every transform (each of them maps equal channels to equal channels)
/// and is spread over three channels only when it is written into a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub data: Vec<u8>,
}

impl Image {
    /// An image of one value.
    pub fn filled(width: usize, height: usize, channels: usize, value: u8) -> Self {
        Image {
            width,
            height,
            channels,
            data: vec![value; width * height * channels],
        }
    }

    pub fn row_bytes(&self) -> usize {
        self.width * self.channels
    }

    /// The part `[left, left + width) × [top, top + height)`; outside of the image it is black.
    pub fn crop(&self, left: isize, top: isize, width: usize, height: usize) -> Image {
        let mut out = Image::filled(width, height, self.channels, 0);
        let from = left.clamp(0, self.width as isize);
        let to = (left + width as isize).clamp(from, self.width as isize);
        let count = (to - from) as usize * self.channels;
        if count == 0 {
            return out;
        }
        for y in 0..height {
            let source = top + y as isize;
            if source < 0 || source >= self.height as isize {
                continue;
            }
            let start = source as usize * self.row_bytes() + from as usize * self.channels;
            let target = y * out.row_bytes() + (from - left) as usize * self.channels;
            out.data[target..target + count].copy_from_slice(&self.data[start..start + count]);
        }
        out
    }

    /// Mirrors left and right.
    pub fn flip_horizontal(&mut self) {
        let (channels, row_bytes) = (self.channels, self.row_bytes());
        if row_bytes == 0 {
            return;
        }
        let mut before = vec![0; row_bytes];
        for row in self.data.chunks_exact_mut(row_bytes) {
            if channels == 1 {
                row.reverse();
                continue;
            }
            before.copy_from_slice(row);
            for (to, from) in row.chunks_exact_mut(3).zip(before.chunks_exact(3).rev()) {
                to.copy_from_slice(from);
            }
        }
    }

    /// Mirrors top and bottom.
    pub fn flip_vertical(&mut self) {
        let bytes = self.row_bytes();
        for y in 0..self.height / 2 {
            let (upper, lower) = self.data.split_at_mut((self.height - 1 - y) * bytes);
            upper[y * bytes..(y + 1) * bytes].swap_with_slice(&mut lower[..bytes]);
        }
    }
}
