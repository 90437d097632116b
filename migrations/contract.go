package migrations

// kind is a family of types that a column may have.
type kind struct {
	name string
	// types are the base types. None means all types of PostgreSQL's category S, texts.
	types []string
	// make is the type that the advice gives a column that is missing.
	make string
	// enum means that an enum is allowed too.
	enum bool
}

var (
	aUUID    = kind{name: "uuid", types: []string{"uuid"}, make: "uuid"}
	aText    = kind{name: "a text", make: "text"}
	aStatus  = kind{name: "a text or an enum", make: "text", enum: true}
	aNumber  = kind{name: "a number", types: []string{"int2", "int4", "int8", "numeric", "float4", "float8"}, make: "int"}
	aTime    = kind{name: "a timestamp", types: []string{"timestamp", "timestamptz"}, make: "timestamptz"}
	aBool    = kind{name: "boolean", types: []string{"bool"}, make: "boolean"}
	aJSON    = kind{name: "jsonb", types: []string{"jsonb"}, make: "jsonb"}
	anything = kind{name: "of any type", types: []string{""}, make: "uuid"}
)

// column is a column that loom-lite uses.
type column struct {
	kind
	name string
	// ours means that the migrations add it.
	ours bool
	// read means that it is only read, so that it may be generated.
	read bool
	// null means that it is set to null at times.
	null bool
	// least is the shortest varchar that is allowed.
	least int
}

// contract lists the app's tables as loom-lite needs them, with the columns that are ours.
var contract = []struct {
	table   string
	columns []column
}{
	{"campaigns", []column{
		{kind: aUUID, name: "id", read: true}, {kind: aText, name: "name", read: true}, {kind: anything, name: "user_id", read: true},
		{kind: aText, name: "facecam_url", read: true}, {kind: aNumber, name: "output_width", read: true},
		{kind: aNumber, name: "output_height", read: true}, {kind: aNumber, name: "output_fps", read: true},
		{kind: aText, name: "output_rate", ours: true, read: true}, {kind: aJSON, name: "output_options", ours: true, read: true},
		{kind: aJSON, name: "facecam_options", ours: true, read: true},
		// An app may have had one before: whatever it is, it is passed on.
		{kind: kind{name: "of any type", types: []string{""}, make: "jsonb"}, name: "metadata", ours: true, read: true},
		{kind: aJSON, name: "variables", ours: true, read: true},
	}},
	{"scenes", []column{
		{kind: aUUID, name: "id", read: true}, {kind: aUUID, name: "campaign_id", read: true}, {kind: aText, name: "url", read: true},
		{kind: aNumber, name: "duration_sec", read: true}, {kind: aNumber, name: "order_index", read: true},
		{kind: aJSON, name: "options", ours: true, read: true},
	}},
	{"renders", []column{
		{kind: aUUID, name: "id", read: true}, {kind: aUUID, name: "campaign_id", read: true},
		{kind: aStatus, name: "status", least: len("concatenating")}, {kind: aNumber, name: "progress"},
		{kind: aText, name: "final_video_url", null: true, least: 150}, {kind: aText, name: "thumb_url", null: true, least: 150},
		{kind: aText, name: "error_message", null: true, least: 20}, {kind: aTime, name: "created_at", read: true},
		{kind: aTime, name: "updated_at"}, {kind: aTime, name: "completed_at", null: true},
		{kind: aText, name: "error_code", ours: true, null: true, least: 40}, {kind: aJSON, name: "warnings", ours: true},
		{kind: aText, name: "thumb_small_url", ours: true, null: true, least: 150}, {kind: aText, name: "preview_url", ours: true, null: true, least: 150},
		{kind: aText, name: "preview_webp_url", ours: true, null: true, least: 150}, {kind: aText, name: "share_url", ours: true, null: true, least: 150},
		{kind: aJSON, name: "report", ours: true, null: true}, {kind: aBool, name: "cancel_requested", ours: true},
		{kind: aJSON, name: "variables", ours: true, read: true},
	}},
	{"render_jobs", []column{
		{kind: aUUID, name: "id", read: true}, {kind: aUUID, name: "render_id", read: true},
		{kind: aStatus, name: "state", least: len("completed")}, {kind: aTime, name: "started_at"},
		{kind: aTime, name: "completed_at"}, {kind: aText, name: "error_message", null: true, least: 20},
		{kind: aTime, name: "created_at", read: true}, {kind: aTime, name: "updated_at"},
		{kind: aNumber, name: "priority", ours: true, read: true}, {kind: aNumber, name: "queue_turn", ours: true},
		{kind: aText, name: "queue_owner", ours: true}, {kind: aTime, name: "queued_at", ours: true},
	}},
}
