using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Doctor;

/// <summary>What <c>agora doctor --json</c> prints.</summary>
/// <param name="Healthy">Nothing was found.</param>
/// <param name="Findings">What was found, the worst first.</param>
internal sealed record DoctorReport(bool Healthy, IReadOnlyList<Finding> Findings);

/// <summary>Its JSON.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(DoctorReport))]
internal sealed partial class DoctorJson : JsonSerializerContext;
