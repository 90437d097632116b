package msg

import "slices"

// PlanCodes are the codes with which a campaign is refused when it is planned.
var PlanCodes = []Code{
	CodeCampaignMissing, CodeNoScenes, CodeTooManyScenes, CodeSceneURL, CodeSceneDuration, CodeSceneOptions, CodeRenderTooLong,
	CodeOutputSize, CodeOutputFPS, CodeOutputOptions, CodeFacecamURL, CodeFacecamOptions,
	CodeVariables, CodeVariableMissing, CodeVariableUndeclared, CodeVariableUnfit,
}

// Codes with which attempts fail.
var (
	ownCodes = []Code{
		CodeInternal, CodeWorkerLost, CodeTaskTimeout, CodeRenderTimeout, CodeStorage, CodeStorageMissing, CodeStorageTooLarge, CodeStorageRefused,
	}
	sceneCodes = []Code{
		CodeSceneUnresolved, CodeSceneUnreachable, CodeSceneTLS, CodeSceneRedirects, CodeSceneStatus, CodeSceneRefused, CodeSceneTimeout,
		CodeSceneChallenge, CodeSceneLogin, CodeSceneCrashed, CodeSceneMemory, CodeSceneNotAPage, CodeSceneTooLarge, CodeSceneWait,
		CodeSceneAction, CodeSceneScroll, CodeSceneImage, CodePageIncomplete, CodePageBlank, CodeFontsMissing,
	}
	facecamCodes = []Code{
		CodeFacecamUnresolved, CodeFacecamUnreachable, CodeFacecamStatus, CodeFacecamRefused, CodeFacecamTooLarge, CodeFacecamNotVideo,
	}
	watermarkCodes = []Code{
		CodeWatermarkUnresolved, CodeWatermarkUnreachable, CodeWatermarkStatus, CodeWatermarkRefused, CodeWatermarkTooLarge, CodeWatermarkNotPicture,
	}
)

// FallbackCodes are those with which a scene shows its fallback: its page cannot be shown.
var FallbackCodes = []Code{
	CodeSceneUnresolved, CodeSceneUnreachable, CodeSceneTLS, CodeSceneRedirects, CodeSceneStatus, CodeSceneRefused, CodeSceneTimeout,
	CodeSceneChallenge, CodeSceneLogin, CodeSceneCrashed, CodeSceneMemory, CodeSceneNotAPage, CodeSceneWait, CodeSceneImage,
}

// CodesOf returns the codes that tasks of a kind are known to fail with.
func CodesOf(kind Kind) []Code {
	switch kind {
	case Record, Preflight:
		return slices.Concat(ownCodes, sceneCodes)
	case Probe:
		return slices.Concat(ownCodes, facecamCodes)
	case Draw:
		return slices.Concat(ownCodes, watermarkCodes)
	}
	return slices.Clone(ownCodes)
}
