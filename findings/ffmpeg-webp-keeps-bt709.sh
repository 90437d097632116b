#!/usr/bin/env bash
# FFmpeg's WebP encoders take BT.709 video as it is. WebP is BT.601, so every colour shifts.
#
# WebP stores YUV, always by the matrix of BT.601, and has no field for another. FFmpeg's libwebp
# and libwebp_anim take yuv420p, which HD video has, by BT.709. Nothing on the way converts one to
# the other or warns: decoders show colours that are off by up to 20 of 255 levels. A GIF or PNG
# of the same frame is right. So is a WebP of RGB (format=bgra), which libwebp converts itself, and
# one after scale=out_color_matrix=bt601.
#
# Needs ffmpeg with libwebp (Debian: ffmpeg), node and npm. Decodes with npm's sharp (libvips,
# libwebp). Exits 0 while this is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
ffmpeg -version | head -1
npm install --silent --no-audit --no-fund sharp@0.35.5 >/dev/null
node -e 'const v = require("sharp").versions; console.log("sharp", v.sharp, "libwebp", v.webp)'
# One colour, #30a030, as H.264 that says that it is BT.709.
ffmpeg -v error -f lavfi -i color=0x30A030:s=320x180:r=10:d=1,format=rgb24 -vf scale=out_color_matrix=bt709:out_range=tv,format=yuv420p \
  -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv -c:v libx264 -crf 10 video.mp4
shown() { # the colour in the middle of a file
  node -e 'require("sharp")(process.argv[1]).removeAlpha().raw().toBuffer().then(b => console.log(b.subarray(85440, 85443).toString("hex")))' "$1"
}
picture() { # FILTER FILE ENCODER: writes one frame, and prints its colour
  ffmpeg -v error -i video.mp4 -vf "$1" -frames:v 1 -c:v "$3" "$2"
  shown "$2"
}
png=$(picture format=rgb24 a.png png)
plain=$(picture null b.webp libwebp)
animated=$(picture null c.webp libwebp_anim)
rgb=$(picture format=bgra d.webp libwebp)
matrix=$(picture scale=out_color_matrix=bt601 e.webp libwebp)
printf '%-42s#%s\n' "PNG" "$png" "WebP" "$plain" "WebP by libwebp_anim" "$animated" "WebP of format=bgra" "$rgb" \
  "WebP after scale=out_color_matrix=bt601" "$matrix"
near() { # whether two colours differ by 4 levels at most
  for at in 0 2 4; do
    d=$(( 16#${1:at:2} - 16#${2:at:2} )); [ "${d#-}" -le 4 ] || return 1
  done
}
if near "$png" "$rgb" && near "$png" "$matrix" && ! near "$png" "$plain" && ! near "$png" "$animated"; then
  echo "the colours of a WebP of BT.709 video are wrong unless it is handed over as RGB or BT.601"
else
  echo "it has changed"; exit 1
fi
