package msg

// Code says what went wrong, in renders.error_code. Codes are stable: a program may switch on them,
// and none is ever given another meaning. docs/reference/errors.md lists them for users.
type Code string

// What is wrong with the campaign itself: found when the render is planned.
const (
	CodeCampaignMissing Code = "campaign_missing"
	CodeNoScenes        Code = "no_scenes"
	CodeTooManyScenes   Code = "too_many_scenes"
	CodeSceneURL        Code = "scene_url_invalid"
	CodeSceneDuration   Code = "scene_duration_invalid"
	CodeSceneOptions    Code = "scene_options_invalid"
	CodeRenderTooLong   Code = "render_too_long"
	CodeOutputSize      Code = "output_size_invalid"
	CodeOutputFPS       Code = "output_fps_invalid"
	CodeOutputOptions   Code = "output_options_invalid"
	CodeFacecamURL      Code = "facecam_url_invalid"
	CodeFacecamOptions  Code = "facecam_options_invalid"

	// CodeVariables: what the campaign declares of its variables is wrong.
	CodeVariables Code = "variables_invalid"
	// CodeVariableMissing: a variable has no value, and nothing stands in for it.
	CodeVariableMissing Code = "variable_missing"
	// CodeVariableUndeclared: a text or a value names a variable that the campaign does not
	// declare. A warning where the campaign is not strict.
	CodeVariableUndeclared Code = "variable_undeclared"
	// CodeVariableUnfit: a value is not of its variable's type, or cannot stand in its place.
	CodeVariableUnfit Code = "variable_invalid"
)

// What is wrong with a scene's page: found when it is recorded.
const (
	// CodeSceneUnresolved: the page's host has no address.
	CodeSceneUnresolved Code = "scene_unresolved"
	// CodeSceneUnreachable: refused, reset, no route.
	CodeSceneUnreachable Code = "scene_unreachable"
	// CodeSceneTLS: the page's certificate is not valid, or no encrypted connection comes about.
	CodeSceneTLS Code = "scene_tls_error"
	// CodeSceneRedirects: the page leads from one address to the next without end.
	CodeSceneRedirects Code = "scene_redirect_loop"
	// CodeSceneStatus: the page answered with an HTTP error.
	CodeSceneStatus Code = "scene_http_error"
	// CodeSceneRefused: the page's address is one that pages may not reach (private, loopback,
	// metadata).
	CodeSceneRefused Code = "scene_refused"
	// CodeSceneTimeout: the page did not load, or a frame did not come, in bounded time.
	CodeSceneTimeout Code = "scene_timeout"
	// CodeSceneChallenge: a check for robots, or a bot protection's refusal, is in the page's
	// place.
	CodeSceneChallenge Code = "scene_challenge"
	// CodeSceneLogin: a login is in the page's place.
	CodeSceneLogin Code = "scene_login_wall"
	// CodeSceneCrashed: the page crashed its browser.
	CodeSceneCrashed Code = "scene_crashed"
	// CodeSceneMemory: the page took more memory than a scene may have.
	CodeSceneMemory Code = "scene_memory"
	// CodeSceneNotAPage: the URL answers with a download, not with something that a browser shows.
	CodeSceneNotAPage Code = "scene_not_a_page"
	// CodeSceneTooLarge: the recording is larger than the object store takes in one piece.
	CodeSceneTooLarge Code = "scene_too_large"
	// CodeSceneWait: what the scene's options wait for did not happen in its time.
	CodeSceneWait Code = "scene_wait_timeout"
	// CodeSceneAction: an action, or a scroll, that was asked for cannot be done on the page.
	CodeSceneAction Code = "scene_action_failed"
	// CodeSceneInexact: a warning: the recorder's Chrome cannot draw frames on demand
	// (ModeVirtual), or the page shows a video with sound, which plays in real time.
	CodeSceneInexact Code = "scene_inexact"
	// CodeSceneRealtime: a warning: the scene was recorded in real time, as its options ask
	// (ModeRealtime).
	CodeSceneRealtime Code = "scene_realtime"
	// CodeSceneScroll: a warning: a scroll moved nothing, or ended before where it was to lead. A
	// failure where the scene's option strict names it.
	CodeSceneScroll Code = "scene_scroll_short"
	// CodeSceneHover: a warning: an action was to hover, and the scene's phone has no pointer that
	// does.
	CodeSceneHover Code = "scene_hover_ignored"
	// CodeSceneLastPicture: a warning: the page stopped working while it was recorded, and its last
	// picture stands for the rest of the scene, as was asked.
	CodeSceneLastPicture Code = "scene_last_picture"
	// CodeSceneFallback: a warning: the page could not be shown, and the scene shows its fallback.
	CodeSceneFallback Code = "scene_fallback"
	// CodeSceneImage: the picture of a scene is none that a browser shows.
	CodeSceneImage Code = "scene_not_an_image"
	// CodePageIncomplete: a warning: scripts, stylesheets or fonts of the page's own did not come,
	// or its scripts failed while it loaded. A failure where the scene's option strict names it,
	// like the next two.
	CodePageIncomplete Code = "page_incomplete"
	// CodePageBlank: a warning: the scene shows one colour, or nothing but something small without
	// words, throughout.
	CodePageBlank Code = "page_unchanged_blank"
	// CodeFontsMissing: a warning: text is drawn as boxes, since the recorder has no font for it.
	CodeFontsMissing Code = "fonts_missing"
)

// What is wrong with the facecam: found when it is probed.
const (
	CodeFacecamUnresolved  Code = "facecam_unresolved"
	CodeFacecamUnreachable Code = "facecam_unreachable"
	CodeFacecamStatus      Code = "facecam_http_error"
	CodeFacecamRefused     Code = "facecam_refused"
	CodeFacecamTooLarge    Code = "facecam_too_large"
	CodeFacecamNotVideo    Code = "facecam_not_video"
)

// What is wrong with the watermark: found when it is drawn.
const (
	CodeWatermarkUnresolved  Code = "watermark_unresolved"
	CodeWatermarkUnreachable Code = "watermark_unreachable"
	CodeWatermarkStatus      Code = "watermark_http_error"
	CodeWatermarkRefused     Code = "watermark_refused"
	CodeWatermarkTooLarge    Code = "watermark_too_large"
	CodeWatermarkNotPicture  Code = "watermark_not_picture"
)

// What is to be known of the captions.
const (
	// CodeCaptionsGlyphs: a warning: captions that are drawn on the picture have signs for which
	// there is no font.
	CodeCaptionsGlyphs Code = "captions_missing_glyphs"
)

// What is wrong on our side.
const (
	// CodeInternal: anything without a code of its own.
	CodeInternal Code = "internal"
	// CodeWorkerLost: workers stopped reporting, again and again.
	CodeWorkerLost Code = "worker_lost"
	// CodeTaskTimeout: attempts at a task took longer than they may, again and again.
	CodeTaskTimeout Code = "task_timeout"
	// CodeRenderTimeout: the render had not ended when its time was over.
	CodeRenderTimeout Code = "render_timeout"
	// CodeStorage: the object store kept refusing.
	CodeStorage Code = "storage_unavailable"
	// CodeStorageMissing: an object that a task reads is not in the object store. What the task
	// reads is made again before its next attempt.
	CodeStorageMissing Code = "storage_object_missing"
	// CodeStorageTooLarge: the object store takes no object as large as one that had to be written.
	CodeStorageTooLarge Code = "storage_too_large"
	// CodeStorageRefused: the object store is set up so that it will never take what had to be
	// written.
	CodeStorageRefused Code = "storage_refused"
	// CodeCancelled: somebody cancelled the render.
	CodeCancelled Code = "cancelled"
)
