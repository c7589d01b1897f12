using System.Text.Json;
using System.Text.Json.Serialization;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>The JSON of commands and control channel.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(ClusterStatus))]
[JsonSerializable(typeof(ProcessExit))]
[JsonSerializable(typeof(DataMarker))]
[JsonSerializable(typeof(ControlAnswer))]
internal sealed partial class LauncherJson : JsonSerializerContext;
