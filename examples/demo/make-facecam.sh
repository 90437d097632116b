#!/usr/bin/env bash
# Makes facecam.mp4: 13 seconds of Ada, 480 × 480 at 30, with sound. There is no camera in it: she
# is drawn by facecam/presenter.html and speaks with Flite's voice "slt". Needs flite,
# chromium-headless-shell and ffmpeg, and takes about half a minute.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp facecam/presenter.html "$work/"

seconds=13
# When each sentence starts, in seconds: one for each scene of the campaign.
at=(0.45 5.35 10.35)
said=(
  "Hi, I'm Ada. This is Juniper. One calm place, for all your subscriptions."
  "Here is your revenue, live. What grew. What churned. And why."
  "Try it free, with your own data."
)

# The voice, and the times at which each sound is spoken.
voices=()
{
  echo 'const SPEECH = ['
  for i in "${!said[@]}"; do
    flite -voice slt --setf duration_stretch=1.02 --setf int_f0_target_mean=178 -psdur -t "${said[i]}" -o "$work/$i.wav" |
      awk -v at="${at[i]}" 'BEGIN { RS = "[ \n]+"; FS = ":"; from = 0 }
        NF == 2 { printf "  { sound: \"%s\", from: %.3f, to: %.3f },\n", $1, at + from, at + $2; from = $2 }'
    voices+=(-i "$work/$i.wav")
  done
  echo '];'
} >"$work/speech.js"

# The picture: a sheet of frames for each second.
for ((s = 0; s < seconds; s++)); do
  chromium-headless-shell --no-sandbox --hide-scrollbars --force-color-profile=srgb --window-size=2880,2400 \
    --screenshot="$(printf '%s/%02d.png' "$work" "$s")" "file://$work/presenter.html#$s" 2>/dev/null
done

# A chord under the voice, which changes with the scenes.
pad() { # pad FROM TO HZ...
  local from=$1 to=$2 f terms=()
  shift 2
  for f in "$@"; do terms+=("(sin(2*PI*$f*t)+0.35*sin(2*PI*$f*1.003*t+1)+0.2*sin(4*PI*$f*t))"); done
  local IFS=+
  printf '%s' "0.05*(${terms[*]})*clip((t-$from)/1.2,0,1)*clip(($to-t)/1.2,0,1)"
}
chords="$(pad 0 5.6 130.81 164.81 196 246.94)+$(pad 4.6 10.6 110 164.81 196 261.63)+$(pad 9.6 13 87.31 130.81 174.61 220 329.63)"

ffmpeg -v error -y -framerate 1 -i "$work/%02d.png" "${voices[@]}" -f lavfi -i "aevalsrc='$chords':s=48000:d=$seconds" \
  -filter_complex "
    [0:v]untile=6x5,settb=1/30,setpts=N,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p[v];
    [1:a]aresample=48000,adelay=${at[0]}s:all=1[a0];
    [2:a]aresample=48000,adelay=${at[1]}s:all=1[a1];
    [3:a]aresample=48000,adelay=${at[2]}s:all=1[a2];
    [a0][a1][a2]amix=inputs=3:normalize=0,highpass=f=90,equalizer=f=220:t=q:w=1:g=2,treble=g=-2:f=5500,
      aecho=0.9:0.5:23|37:0.12|0.08,acompressor=threshold=0.1:ratio=3:attack=8:release=120:makeup=2[voice];
    [4:a]lowpass=f=900,volume=0.28[pad];
    [voice][pad]amix=inputs=2:normalize=0:duration=longest,alimiter=limit=0.9,pan=stereo|c0=c0|c1=c0[a]" \
  -map '[v]' -map '[a]' -r 30 -t "$seconds" -c:v libx264 -preset veryslow -tune animation -crf 20 -profile:v high \
  -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv \
  -c:a aac -b:a 96k -ar 48000 -movflags +faststart facecam.mp4
ls -l facecam.mp4
