#!/usr/bin/env bash
# FFmpeg's filter subtitles draws with libass's simple shaping. Its filter ass draws the same file
# with the complex one.
#
# Only ass has the option shaping, whose default is libass's best. The other filter shares the code
# that passes it on. There the missing option counts as 0, which is "simple": Devanagari, Bengali,
# Khmer and similar scripts lose conjuncts, and vowels are on the wrong side of their consonants.
# Arabic is joined either way, so this is easily overlooked.
#
# Needs ffmpeg with libass and HarfBuzz, and a font with Devanagari (Debian: ffmpeg,
# fonts-noto-core). Exits 0 while this is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
ffmpeg -version | head -1
dpkg-query -W -f '${Package} ${Version}\n' ffmpeg libass9 fonts-noto-core 2>/dev/null || true
cat > text.ass <<'ASS'
[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment, Encoding
Style: Default,sans-serif,30,&Hffffff,5,1

[Events]
Format: Layer, Start, End, Style, Text
Dialogue: 0,0:00:00.00,0:00:01.00,Default,हिन्दी में क्षत्रिय
ASS
drawn() { # the hash of the picture that a filter draws
  ffmpeg -v error -f lavfi -i color=black:s=640x360:r=1:d=1 -vf "$1" -frames:v 1 -f framemd5 - | tail -1 | awk '{print $NF}'
}
subtitles=$(drawn subtitles=text.ass) ass=$(drawn ass=text.ass) simple=$(drawn ass=text.ass:shaping=simple)
printf '%-32s%s\n' subtitles=text.ass "$subtitles" ass=text.ass:shaping=simple "$simple" ass=text.ass "$ass"
[ "$subtitles" = "$simple" ] && [ "$subtitles" != "$ass" ] || { echo "it has changed"; exit 1; }
echo "subtitles shapes simply, ass does not"
