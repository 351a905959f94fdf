"""COSEM interface classes (Blue Book clause 4): what attributes and methods an object has.

Names are the Blue Book's in lower case. Each class is given in its latest version here;
earlier ones lack the last attributes or methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen


def _indexed(names: Mapping[int, str]) -> Mapping[int, str]:
    return MappingProxyType(dict(names))


def _fixed(scaled: Mapping[int, int]) -> Mapping[int, int]:
    return MappingProxyType(dict(scaled))


def _numbered(names: str) -> Mapping[int, str]:
    return _indexed(dict(enumerate(names.split(), start=1)))


@frozen
class InterfaceClass:
    """One class; attributes and methods by index.

    ``value`` is the index of the attribute that is read when none is named. ``scaled``
    leads from an attribute to the one that holds its scaler_unit.
    """

    class_id: int
    name: str
    attributes: Mapping[int, str]
    methods: Mapping[int, str] = _numbered("")
    value: int = 2
    scaled: Mapping[int, int] = field(factory=dict, converter=_fixed)


_TABLE: Final = (
    InterfaceClass(1, "Data", _numbered("logical_name value")),
    InterfaceClass(
        3,
        "Register",
        _numbered("logical_name value scaler_unit"),
        _numbered("reset"),
        scaled={2: 3},
    ),
    InterfaceClass(
        4,
        "Extended register",
        _numbered("logical_name value scaler_unit status capture_time"),
        _numbered("reset"),
        scaled={2: 3},
    ),
    InterfaceClass(
        5,
        "Demand register",
        _numbered(
            "logical_name current_average_value last_average_value scaler_unit status"
            " capture_time start_time_current period number_of_periods"
        ),
        _numbered("reset next_period"),
        scaled={2: 4, 3: 4},
    ),
    InterfaceClass(
        6,
        "Register activation",
        _numbered("logical_name register_assignment mask_list active_mask"),
        _numbered("add_register add_mask delete_mask"),
        value=4,
    ),
    InterfaceClass(
        7,
        "Profile generic",
        _numbered(
            "logical_name buffer capture_objects capture_period sort_method sort_object"
            " entries_in_use profile_entries"
        ),
        # Version 0 also had get_buffer_by_range and get_buffer_by_index: selective access.
        _numbered("reset capture"),
        # A buffer is no value, and takes minutes to read.
        value=7,
    ),
    InterfaceClass(
        8,
        "Clock",
        _numbered(
            "logical_name time time_zone status daylight_savings_begin daylight_savings_end"
            " daylight_savings_deviation daylight_savings_enabled clock_base"
        ),
        _numbered(
            "adjust_to_quarter adjust_to_measuring_period adjust_to_minute"
            " adjust_to_preset_time preset_adjusting_time shift_time"
        ),
    ),
    InterfaceClass(9, "Script table", _numbered("logical_name scripts"), _numbered("execute")),
    InterfaceClass(
        10,
        "Schedule",
        _numbered("logical_name entries"),
        _numbered("enable_disable insert delete"),
    ),
    InterfaceClass(
        11,
        "Special days table",
        _numbered("logical_name entries"),
        _numbered("insert delete"),
    ),
    InterfaceClass(
        12,
        "Association SN",
        _numbered(
            "logical_name object_list access_rights_list security_setup_reference user_list"
            " current_user"
        ),
        # 1, 2, 4, 6 and 7 are reserved from former versions.
        _indexed(
            {
                3: "read_by_logicalname",
                5: "change_secret",
                8: "reply_to_hls_authentication",
                9: "add_user",
                10: "remove_user",
            }
        ),
    ),
    InterfaceClass(
        15,
        "Association LN",
        _numbered(
            "logical_name object_list associated_partners_id application_context_name"
            " xdlms_context_info authentication_mechanism_name secret association_status"
            " security_setup_reference user_list current_user"
        ),
        _numbered(
            "reply_to_hls_authentication change_hls_secret add_object remove_object add_user"
            " remove_user"
        ),
    ),
    InterfaceClass(
        17,
        "SAP assignment",
        _numbered("logical_name sap_assignment_list"),
        _numbered("connect_logical_device"),
    ),
    InterfaceClass(
        18,
        "Image transfer",
        _numbered(
            "logical_name image_block_size image_transferred_blocks_status"
            " image_first_not_transferred_block_number image_transfer_enabled"
            " image_transfer_status image_to_activate_info"
        ),
        _numbered("image_transfer_initiate image_block_transfer image_verify image_activate"),
        value=6,
    ),
    InterfaceClass(
        19,
        "IEC local port setup",
        _numbered(
            "logical_name default_mode default_baud prop_baud response_time device_addr"
            " pass_p1 pass_p2 pass_w5"
        ),
    ),
    InterfaceClass(
        20,
        "Activity calendar",
        _numbered(
            "logical_name calendar_name_active season_profile_active week_profile_table_active"
            " day_profile_table_active calendar_name_passive season_profile_passive"
            " week_profile_table_passive day_profile_table_passive"
            " activate_passive_calendar_time"
        ),
        _numbered("activate_passive_calendar"),
    ),
    InterfaceClass(
        21,
        "Register monitor",
        _numbered("logical_name thresholds monitored_value actions"),
    ),
    InterfaceClass(
        22,
        "Single action schedule",
        _numbered("logical_name executed_script type execution_time"),
        value=4,
    ),
    InterfaceClass(
        23,
        "IEC HDLC setup",
        _numbered(
            "logical_name comm_speed window_size_transmit window_size_receive"
            " max_info_field_length_transmit max_info_field_length_receive"
            " inter_octet_time_out inactivity_time_out device_address"
        ),
    ),
    InterfaceClass(
        40,
        "Push setup",
        # Version 0 ends at repetition_delay, version 1 at push_protection_parameters.
        _numbered(
            "logical_name push_object_list send_destination_and_method communication_window"
            " randomisation_start_interval number_of_retries repetition_delay port_reference"
            " push_client_sap push_protection_parameters push_operation_method"
            " confirmation_parameters last_confirmation_date_time"
        ),
        _numbered("push reset"),
    ),
    InterfaceClass(
        41,
        "TCP-UDP setup",
        _numbered("logical_name tcp_udp_port ip_reference mss nb_of_sim_conn inactivity_time_out"),
    ),
    InterfaceClass(
        42,
        "IPv4 setup",
        _numbered(
            "logical_name dl_reference ip_address multicast_ip_address ip_options subnet_mask"
            " gateway_ip_address use_dhcp_flag primary_dns_address secondary_dns_address"
        ),
        _numbered("add_mc_ip_address delete_mc_ip_address get_nbof_mc_ip_addresses"),
        value=3,
    ),
    InterfaceClass(
        62,
        "Compact data",
        _numbered(
            "logical_name compact_buffer capture_objects template_id template_description"
            " capture_method"
        ),
        _numbered("reset capture"),
    ),
    InterfaceClass(
        64,
        "Security setup",
        # Version 0 has no certificates; its methods end at key_transfer.
        _numbered(
            "logical_name security_policy security_suite client_system_title"
            " server_system_title certificates"
        ),
        _numbered(
            "security_activate key_transfer key_agreement generate_key_pair"
            " generate_certificate_request import_certificate export_certificate"
            " remove_certificate"
        ),
    ),
    InterfaceClass(
        70,
        "Disconnect control",
        _numbered("logical_name output_state control_state control_mode"),
        _numbered("remote_disconnect remote_reconnect"),
    ),
    InterfaceClass(
        71,
        "Limiter",
        _numbered(
            "logical_name monitored_value threshold_active threshold_normal"
            " threshold_emergency min_over_threshold_duration min_under_threshold_duration"
            " emergency_profile emergency_profile_group_id_list emergency_profile_active"
            " actions"
        ),
        value=3,
    ),
    InterfaceClass(
        72,
        "M-Bus client",
        # Version 0 ends at alarm.
        _numbered(
            "logical_name mbus_port_reference capture_definition capture_period"
            " primary_address identification_number manufacturer_id version device_type"
            " access_number status alarm configuration encryption_key_status"
        ),
        _numbered(
            "slave_install slave_deinstall capture reset_alarm synchronize_clock data_send"
            " set_encryption_key transfer_key"
        ),
        value=6,
    ),
)

CLASSES: Final[Mapping[int, InterfaceClass]] = MappingProxyType(
    {each.class_id: each for each in _TABLE}
)


def by_id(class_id: int) -> InterfaceClass | None:
    """The class with this class_id, None if it is not known here."""
    return CLASSES.get(class_id)


def scaler_attribute(class_id: int, attribute: int) -> int | None:
    """The attribute that holds the scaler_unit of another; None where there is none."""
    known = CLASSES.get(class_id)
    return None if known is None else known.scaled.get(attribute)


def attribute(class_id: int, name: str) -> int | None:
    """The index of the attribute with this name, None where there is none."""
    known = CLASSES.get(class_id)
    return None if known is None else _index(known.attributes, name)


def method(class_id: int, name: str) -> int | None:
    """The index of the method with this name, None where there is none."""
    known = CLASSES.get(class_id)
    return None if known is None else _index(known.methods, name)


def _index(names: Mapping[int, str], name: str) -> int | None:
    return next((index for index, each in names.items() if each == name), None)
