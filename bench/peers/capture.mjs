// Records one page with puppeteer-capture: node capture.mjs URL FRAMES FPS OUT.mp4
//
// Prints a JSON line when the first frame is there, one when the file is finished, and one when the
// browser is gone. Environment: BENCH_CHROME (a path that ends in chrome-headless-shell, as
// puppeteer-capture asks), BENCH_FFMPEG.
import { statSync } from 'node:fs'
import { PuppeteerCaptureFormat, capture, launch } from 'puppeteer-capture'

const [, , url, frames, rate, out] = process.argv
const fps = Number(rate)
const say = (event) => process.stdout.write(JSON.stringify(event) + '\n')

const browser = await launch({
  executablePath: process.env.BENCH_CHROME,
  args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--hide-scrollbars', '--mute-audio', '--force-color-profile=srgb'],
  defaultViewport: { width: 1920, height: 1080 },
})
const page = await browser.newPage()
const recorder = await capture(page, {
  fps,
  ffmpeg: process.env.BENCH_FFMPEG,
  // The encoder as our transcoder sets it; all else is as puppeteer-capture has it.
  format: PuppeteerCaptureFormat.MP4('veryfast'),
  customFfmpegConfig: async (ffmpeg) => { ffmpeg.outputOptions(['-crf 20', '-bf 1', '-pix_fmt yuv420p']) },
})
await page.goto(url, { waitUntil: 'load' })
recorder.once('frameCaptured', () => say({ event: 'first' }))
await recorder.start(out)
// It waits from the frame after the first, and the frame at the end of the wait counts too.
await recorder.waitForTimeout((Number(frames) - 2.5) / fps * 1000)
await recorder.stop()
say({ event: 'finished' })
await browser.close()
say({ event: 'done', frames: recorder.recordedFrames, distinct: recorder.recordedFrames, bytes: statSync(out).size })
