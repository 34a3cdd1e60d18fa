"""Which of the resident's consents a routine reading needs: one table of kinds and labels.

What needs help is told whatever was agreed to: alarms and faults carry the readings that they rest
on, except how an absence has ended (activity). Routine readings of a class that was refused, or
that nobody was asked about, are neither kept nor sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.words.reading import Kind

if TYPE_CHECKING:
    from gateway.words.reading import Reading


class DataClass(StrEnum):
    """What a reading is about.

    TECHNICAL is the device itself: no consent is needed. UNSORTED is in no table: all consents are
    needed.
    """

    ACTIVITY = "activity"
    CLIMATE = "climate"
    VITAL_SIGNS = "vital_signs"
    TECHNICAL = "technical"
    UNSORTED = "unsorted"


CONSENTS = (DataClass.ACTIVITY, DataClass.CLIMATE, DataClass.VITAL_SIGNS)
# No class of readings: whether relatives may see that all is well, and nothing more.
FAMILY = "family"
# All that the resident is asked.
ASKED = (*(str(name) for name in CONSENTS), FAMILY)
_A, _C, _V, _T, _U = DataClass

CLASSES: Mapping[Kind, DataClass] = {
    Kind.BUTTON: _A,
    Kind.DIMMER: _A,
    Kind.COMMAND: _A,
    Kind.FALL: _A,
    Kind.STAY_STILL: _A,
    Kind.PRESENCE: _A,
    Kind.OCCUPANCY: _A,
    Kind.MOTION: _A,
    Kind.CONTACT_OPEN: _A,
    Kind.VIBRATION: _A,
    Kind.SAFETY: _A,
    Kind.LIGHT: _A,
    Kind.SOUND: _A,
    Kind.ACTIVITY: _A,
    Kind.SMOKE: _C,
    Kind.GAS: _C,
    Kind.CO: _C,
    Kind.MOISTURE: _C,
    Kind.TEMPERATURE: _C,
    Kind.HUMIDITY: _C,
    Kind.ILLUMINANCE: _C,
    Kind.TAMPER: _T,
    Kind.BATTERY: _T,
    Kind.BATTERY_LOW: _T,
    Kind.PROBLEM: _T,
    Kind.HEARTBEAT: _T,
    Kind.NOT_UNDERSTOOD: _T,
    Kind.REPLAYED: _T,
    Kind.OTHER_STATE: _U,
    Kind.OTHER_MEASURE: _U,
}

_VITAL = """
    heart_rate_bpm heart_waveform pulse_bpm pulse_amplitude_pct map_mmhg systolic_mmhg
    diastolic_mmhg spo2_pct breath_rate_bpm breath_state breath_waveform body_temperature_c
    mass_kg mass_lb weight_kg impedance_low_ohm impedance_high_ohm rr_s profile_id stabilized
    asleep wearing
"""
_CLIMATE = """
    pressure_hpa co2_ppm dew_point_c pm2_5_ug_m3 pm10_ug_m3 tvoc_ug_m3 formaldehyde_mg_m3
    uv_index moisture_pct soil_moisture_pct conductivity_us_cm gas_level cold heat
    color_temperature precipitation_mm speed_m_s direction_deg
"""
_ACTIVITY = """
    targets distance_cm distance_m distance_mm nearest_distance_cm moving_distance_cm
    static_distance_cm target_height_m body_movement pressure_present_duration_s
    pressure_not_present_duration_s duration_s duration_detected_min duration_cleared_min x_mm
    y_mm speed_cm_s moving_energy static_energy acc_x_mg acc_y_mg acc_z_mg pitch_deg roll_deg
    rotation_deg acceleration_m_s2 gyroscope_deg_s movement_counter button_count
    button1_unproven button2_unproven contact_open_unproven motion_unproven contact_timeout
    door_left_open dropping fall_down_status impact magnet reed tilt moving running plug power
    unlocked generic power_w current_a energy_kwh water_l volume_l gas_m3 height_m in_bed
"""
_TECHNICAL = """
    packet_id advert_count tx_count uptime_s channel voltage_v supply_v storage_v connectivity
    battery_charging reset start_up_complete alarm_area_ack install_height_ack
    fall_threshold_ack fall_sensitivity_ack install_height_cm fall_threshold_cm fall_sensitivity
    fall_duration_s fall_break_height_cm area_left_cm area_right_cm area_front_cm area_back_cm
    fall_function_on fall_led_on presence_function_on presence_led_on stay_still_function_on
    stay_still_after_s height_proportion_function_on track_function_on track_interval_s
    seated_distance_limit_cm moving_distance_limit_cm nobody_after_s height_accumulation_s
    work_mode firmware_version device_type_id settings_revision consumable_pct
    install_angle_x_deg install_angle_y_deg install_angle_z_deg
"""
LABELS: Mapping[str, DataClass] = {
    name: found
    for names, found in ((_VITAL, _V), (_CLIMATE, _C), (_ACTIVITY, _A), (_TECHNICAL, _T))
    for name in names.split()
}


def data_class(reading: Reading) -> DataClass:
    """Return what a routine reading is about."""
    found = CLASSES[reading.kind]
    return (
        LABELS.get(reading.label, found)
        if found is DataClass.UNSORTED or reading.label in LABELS
        else found
    )


def withholds(refused: frozenset[str], reading: Reading) -> bool:
    """Say whether a routine reading may not be kept and sent.

    `refused` holds those of CONSENTS that were not given.
    """
    found = data_class(reading)
    return found in refused or (found is DataClass.UNSORTED and bool(refused))
