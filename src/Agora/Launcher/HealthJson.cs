using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Launcher;

/// <summary>The JSON of <c>agora health</c>: one line, as probes log it.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ProcessHealth))]
internal sealed partial class HealthJson : JsonSerializerContext;
